"""portalocker.Lock; TemporaryFileLock with the argument `temporary`."""
import sys

sys.path.insert(0, "../common")
import portalocker
from locks import main


def lock(path):
    kind = portalocker.TemporaryFileLock if "temporary" in sys.argv else portalocker.Lock
    return kind(path, timeout=3600, check_interval=0.25)


def attempt(lock, seconds):
    try:
        lock.acquire(timeout=seconds)
        return True
    except (portalocker.LockException, portalocker.AlreadyLocked):
        return False


main(lock, attempt)
