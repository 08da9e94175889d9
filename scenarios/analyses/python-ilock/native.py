"""Two processes hold an ILock at once; the pause stands where a busy machine would make one."""
import os
import time

import ilock
import portalocker


def holder(seconds):
    lock = ilock.ILock("the.lock", timeout=60)
    pid = os.fork()
    if pid == 0:
        with lock:
            holding.write(b"+")
            time.sleep(seconds)
            holding.write(b"-")
        os._exit(0)
    return pid


holding = open("holding", "ab", buffering=0)
first = holder(2)
time.sleep(1)
take = portalocker.lock


def slow(*arguments):
    time.sleep(3)
    return take(*arguments)


portalocker.lock = slow
second = holder(0.1)  # opens the file of the first, which is removed meanwhile
time.sleep(2.5)
portalocker.lock = take
third = holder(3)  # makes a new file
for pid in first, second, third:
    os.waitpid(pid, 0)
assert b"++" in open("holding", "rb").read(), "never two at once"
