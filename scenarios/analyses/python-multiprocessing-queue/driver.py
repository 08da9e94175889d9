"""multiprocessing.Queue, and SimpleQueue with the argument `simple`."""
import multiprocessing
import sys

sys.path.insert(0, "../common")
from queues import main

context = multiprocessing.get_context("fork")


def make():
    return context.SimpleQueue() if "simple" in sys.argv else context.Queue()


def close(queue):
    queue.close()
    if "simple" not in sys.argv:
        queue.join_thread()


main(make, lambda queue: queue, lambda queue, n: queue.put(n), lambda queue: queue.get(), close)
