"""locket.lock_file."""
import sys

sys.path.insert(0, "../common")
import locket
from locks import main


def attempt(lock, seconds):
    lock._timeout = seconds
    try:
        lock.acquire()
        return True
    except locket.LockError:
        return False


main(locket.lock_file, attempt)
