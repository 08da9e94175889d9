"""A producer is killed while it copies a large message into the queue, and so holds its mutex."""
import os
import signal
import sys
import time

from faster_fifo import Queue

queue = Queue(300 << 20)
message = b"x" * (200 << 20)


def fork(body):
    pid = os.fork()
    if pid == 0:
        body()
        os._exit(0)
    return pid


def shared_pages(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[2])


victim = fork(lambda: queue.put(message))
before = shared_pages(victim)
while shared_pages(victim) < before + 8000:  # of 51,200 that the message takes
    pass
os.kill(victim, signal.SIGKILL)
os.waitpid(victim, 0)
other = fork(lambda: queue.put(b"y"))
time.sleep(5)
ended = os.waitpid(other, os.WNOHANG)[0] != 0
if not ended:
    os.kill(other, signal.SIGKILL)
sys.exit("the other producer was not kept waiting" if ended else 0)
