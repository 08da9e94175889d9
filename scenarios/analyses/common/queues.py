"""What every queue of Python is asked: a driver calls main() with how its library is used.

`make()` makes the queue before the processes are forked, `open(made)` gives each process its own
end, `put(end, number)` puts and `get(end)` takes, which waits. `close(end)` says that a producer
has put everything.
"""

import os
import sys

from locks import children, fork


def delivered(make, open, put, get, close):
    """Each message arrives once, and those of one producer in the order in which it put them."""
    made = make()

    def producer(first):
        def body():
            end = open(made)
            put(end, first)
            put(end, first + 1)
            close(end)

        return body

    def consumer():
        end = open(made)
        got = [get(end) for _ in range(4)]
        assert sorted(got) == [10, 11, 20, 21], got
        assert got.index(10) < got.index(11) and got.index(20) < got.index(21), got

    ends = children(producer(10), producer(20), consumer)
    assert ends == [0, 0, 0], ends


def producer_killed(make, open, put, get, close):
    """When a producer is killed, others can still put and take."""
    made = make()

    def victim():
        end = open(made)
        put(end, 10)
        close(end)

    def producer():
        end = open(made)
        put(end, 20)
        close(end)

    def consumer():
        end = open(made)
        got = []
        while 20 not in got:
            got.append(get(end))
        assert got in ([20], [10, 20]), got

    ends = children(victim, producer, consumer)
    assert ends[1:] == [0, 0], ends


def consumer_killed(make, open, put, get, close):
    """When a consumer has been killed, others can still put and take what comes after."""
    made = make()

    def survivor():
        end = open(made)
        while get(end) != 99:
            pass

    victim = fork(lambda: get(open(made)))
    end = open(made)
    put(end, 1)
    os.waitpid(victim, 0)
    successor = fork(survivor)
    put(end, 99)
    close(end)
    assert os.waitpid(successor, 0)[1] == 0


def main(make, open, put, get, close=lambda end: None):
    modes = {mode.__name__: mode for mode in (delivered, producer_killed, consumer_killed)}
    modes[sys.argv[1]](make, open, put, get, close)
