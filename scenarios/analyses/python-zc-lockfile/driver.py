"""zc.lockfile.LockFile, which does not wait."""
import sys
import time

sys.path.insert(0, "../common")
import zc.lockfile
from locks import main


class Lock:
    def __init__(self, path):
        self.path = path

    def acquire(self):
        while not attempt(self, 0):
            time.sleep(0.1)

    def release(self):
        self.lock.close()


def attempt(lock, seconds):
    try:
        lock.lock = zc.lockfile.LockFile(lock.path)
        return True
    except zc.lockfile.LockError:
        return False


main(Lock, attempt)
