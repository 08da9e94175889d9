"""litequeue.LiteQueue."""
import sys
import time

sys.path.insert(0, "../common")
from litequeue import LiteQueue
from queues import main


def open_queue(_=None):
    return LiteQueue("queue.db")


def get(queue):
    while True:
        message = queue.pop()
        if message is not None:
            queue.done(message.message_id)
            return int(message.data)
        time.sleep(1)


main(lambda: open_queue() and None, open_queue, lambda queue, n: queue.put(str(n)), get)
