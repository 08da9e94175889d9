"""posix_ipc.MessageQueue."""
import sys

sys.path.insert(0, "../common")
import posix_ipc
from queues import main

NAME = "/numbers"


def make():
    posix_ipc.MessageQueue(NAME, posix_ipc.O_CREX, max_messages=4, max_message_size=8)


def put(queue, n):
    queue.send(b"%d" % n)


main(make, lambda _: posix_ipc.MessageQueue(NAME), put, lambda queue: int(queue.receive()[0]))
posix_ipc.unlink_message_queue(NAME)
