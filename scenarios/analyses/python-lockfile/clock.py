"""The clock is set forward by an hour while LockFile waits for 5 seconds."""
import os
import time

import lockfile
import lockfile.linklockfile

real = time.time
began = real()
time.time = lambda: real() + (3600 if real() > began + 1 else 0)
if os.fork() == 0:
    lockfile.LockFile("the").acquire()
    os._exit(0)
os.wait()
try:
    lockfile.LockFile("the").acquire(timeout=5)
except lockfile.LockTimeout:
    took = real() - began
    assert took < 4, took
