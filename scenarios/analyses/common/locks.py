"""What every lock of Python is asked: a driver calls main() with how its library locks.

`lock(path)` makes a lock; it has acquire(), which waits, and release(). `attempt(lock, seconds)`
tells whether the lock could be taken within that time.
"""

import os
import sys
import time
import traceback

FILE = "the.lock"


def fork(body):
    """Runs it in a forked process, and returns the pid."""
    pid = os.fork()
    if pid == 0:
        try:
            body()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return pid


def children(*bodies):
    """Runs each in a process of its own, and returns how they ended."""
    pids = [fork(body) for body in bodies]
    return [os.waitpid(pid, 0)[1] for pid in pids]


def increment(counter):
    """Adds one in two steps, between which nobody else may be."""
    number = os.pread(counter, 8, 0) or b"0"
    os.pwrite(counter, b"%d" % (int(number) + 1), 0)


def worker(lock, counter):
    def body():
        mine = lock(FILE)
        for _ in range(2):
            mine.acquire()
            increment(counter)
            mine.release()

    return body


def exclusion(lock, attempt):
    """One holder at a time: no addition is lost."""
    counter = os.open("counter", os.O_RDWR | os.O_CREAT, 0o600)
    ends = children(worker(lock, counter), worker(lock, counter))
    assert ends == [0, 0], ends
    assert os.pread(counter, 8, 0) == b"4", "two processes held the lock at once"


def killed(lock, attempt):
    """The lock of a process that was killed can be taken by others."""

    def victim():
        mine = lock(FILE)
        mine.acquire()
        os.stat(".")
        mine.release()

    def survivor():
        mine = lock(FILE)
        mine.acquire()
        mine.release()

    ends = children(victim, survivor)
    assert ends[1] == 0, ends


def timeout(lock, attempt):
    """An attempt ends after its time, not before, and does not take a lock that is held."""
    mine = lock(FILE)
    mine.acquire()

    def waiter():
        began = time.monotonic()
        assert not attempt(lock(FILE), 0.5), "the lock was taken although it is held"
        took = time.monotonic() - began
        assert 0.45 <= took < 60, f"gave up after {took} s instead of 0.5"

    assert children(waiter) == [0]
    mine.release()


def forked(lock, attempt):
    """A child that was forked while the lock is held does not release it by ending."""
    mine = lock(FILE)
    mine.acquire()
    pid = os.fork()
    if pid == 0:
        sys.exit(0)
    os.waitpid(pid, 0)
    assert children(lambda: check(not attempt(lock(FILE), 0))) == [0]
    mine.release()


def check(holds):
    assert holds, "the lock was taken although it is held"


def main(lock, attempt=None):
    modes = {mode.__name__: mode for mode in (exclusion, killed, timeout, forked)}
    modes[sys.argv[1]](lock, attempt)
