"""pid.PidFile, which does not wait."""
import os
import sys
import time

sys.path.insert(0, "../common")
import pid
from locks import main


class Lock:
    def __init__(self, path):
        self.file = pid.PidFile(path, piddir=os.getcwd(), register_atexit=False, register_term_signal_handler=False)

    def acquire(self):
        while not attempt(self, 0):
            time.sleep(0.1)

    def release(self):
        self.file.close()


def attempt(lock, seconds):
    try:
        lock.file.create()
        return True
    except (pid.PidFileAlreadyLockedError, pid.PidFileAlreadyRunningError):
        return False


main(Lock, attempt)
