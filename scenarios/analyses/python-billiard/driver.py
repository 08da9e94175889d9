"""billiard.Queue."""
import sys

sys.path.insert(0, "../common")
import billiard
from queues import main


def close(queue):
    queue.close()
    queue.join_thread()


context = billiard.get_context("fork")
main(context.Queue, lambda queue: queue, lambda queue, n: queue.put(n), lambda queue: queue.get(), close)
