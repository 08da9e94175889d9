"""sysv_ipc.MessageQueue."""
import sys

sys.path.insert(0, "../common")
import sysv_ipc
from queues import main

queue = sysv_ipc.MessageQueue(4711, sysv_ipc.IPC_CREX)
main(lambda: queue, lambda queue: queue, lambda queue, n: queue.send(b"%d" % n), lambda queue: int(queue.receive()[0]))
queue.remove()
