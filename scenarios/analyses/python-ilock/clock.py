"""The clock is set back by an hour while ILock waits for 0.5 seconds."""
import time

import ilock

real = time.time
calls = 0


def stepped():
    global calls
    calls += 1
    return real() - (3600 if calls > 2 else 0)


ilock.time = stepped
pauses = []
ilock.sleep = lambda seconds: pauses.append(seconds) or (len(pauses) > 100 and exit(0))
with ilock.ILock("held"):
    try:
        ilock.ILock("held", timeout=0.5).__enter__()
    except ilock.ILockException:
        exit("gave up after %d attempts" % len(pauses))
