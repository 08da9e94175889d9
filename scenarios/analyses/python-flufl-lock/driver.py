"""flufl.lock.Lock."""
import sys
from datetime import timedelta

sys.path.insert(0, "../common")
import flufl.lock
from locks import main


class Lock:
    def __init__(self, path):
        self.inner = flufl.lock.Lock(path)

    def acquire(self):
        self.inner.lock()

    def release(self):
        self.inner.unlock()


def attempt(lock, seconds):
    try:
        lock.inner.lock(timeout=timedelta(seconds=seconds))
        return True
    except flufl.lock.TimeOutError:
        return False


main(Lock, attempt)
