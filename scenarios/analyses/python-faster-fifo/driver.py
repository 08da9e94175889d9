"""faster_fifo.Queue."""
import sys

sys.path.insert(0, "../common")
from faster_fifo import Queue
from queues import main

main(
    lambda: Queue(10000),
    lambda queue: queue,
    lambda queue, n: queue.put(n),
    lambda queue: queue.get(timeout=3600),
)
