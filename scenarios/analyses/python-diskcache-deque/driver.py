"""diskcache.Deque: append and popleft."""
import sys
import time

sys.path.insert(0, "../common")
import diskcache
from queues import main


def get(deque):
    while True:
        try:
            return deque.popleft()
        except IndexError:
            time.sleep(1)


main(lambda: diskcache.Deque(directory="queue") and None, lambda _: diskcache.Deque(directory="queue"), lambda deque, n: deque.append(n), get)
