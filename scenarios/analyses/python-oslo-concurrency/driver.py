"""oslo_concurrency.lockutils.external_lock."""
import os
import sys

sys.path.insert(0, "../common")
from locks import main
from oslo_concurrency import lockutils


class Lock:
    def __init__(self, path):
        self.lock = lockutils.external_lock(path, lock_path=os.getcwd())

    def acquire(self):
        self.lock.acquire()

    def release(self):
        self.lock.release()


main(Lock, lambda lock, seconds: lock.lock.acquire(timeout=seconds))
