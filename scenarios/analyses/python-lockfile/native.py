"""PIDLockFile.acquire() without a timeout raises instead of waiting for a lock that is held."""
import os
import time

from lockfile import AlreadyLocked
from lockfile.pidlockfile import PIDLockFile

if os.fork() == 0:
    lock = PIDLockFile("the.lock")
    lock.acquire()
    time.sleep(2)
    lock.release()
    os._exit(0)
time.sleep(1)
try:
    PIDLockFile("the.lock").acquire()
    exit("it waited")
except AlreadyLocked:
    os.wait()
