"""ilock.ILock, whose file is in the directory of temporary files."""
import sys

sys.path.insert(0, "../common")
import ilock
from locks import main


class Lock:
    def __init__(self, path):
        self.inner = ilock.ILock(path, timeout=3600)

    def acquire(self):
        self.inner.__enter__()

    def release(self):
        self.inner.__exit__(None, None, None)


def attempt(lock, seconds):
    lock.inner._timeout = seconds
    try:
        lock.acquire()
        return True
    except ilock.ILockException:
        return False


main(Lock, attempt)
