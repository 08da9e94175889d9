"""persistqueue.FIFOSQLiteQueue."""
import sys
import time

sys.path.insert(0, "../common")
import persistqueue
from queues import main


def open_queue(_=None):
    return persistqueue.FIFOSQLiteQueue("queue", auto_commit=True, multithreading=True)


def get(queue):
    while True:
        try:
            return queue.get(block=False)
        except persistqueue.Empty:
            time.sleep(1)


main(lambda: open_queue() and None, open_queue, lambda queue, n: queue.put(n), get)
