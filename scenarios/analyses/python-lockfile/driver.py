"""lockfile.LockFile, of hard links, and `mkdir` or `pid` for its other kinds."""
import sys

sys.path.insert(0, "../common")
import lockfile
import lockfile.mkdirlockfile
import lockfile.pidlockfile
from locks import main


def lock(path):
    if "mkdir" in sys.argv:
        return lockfile.mkdirlockfile.MkdirLockFile(path)
    if "pid" in sys.argv:
        return lockfile.pidlockfile.PIDLockFile(path)
    return lockfile.LockFile(path)


def attempt(lock, seconds):
    try:
        lock.acquire(timeout=seconds)
        return True
    except (lockfile.LockTimeout, lockfile.AlreadyLocked):
        return False


main(lock, attempt)
