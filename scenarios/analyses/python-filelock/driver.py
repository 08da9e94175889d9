"""filelock.FileLock, and SoftFileLock with the argument `soft`."""
import sys

sys.path.insert(0, "../common")
import filelock
from locks import main

KIND = filelock.SoftFileLock if "soft" in sys.argv else filelock.FileLock


def attempt(lock, seconds):
    try:
        lock.acquire(timeout=seconds)
        return True
    except filelock.Timeout:
        return False


main(KIND, attempt)
