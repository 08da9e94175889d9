"""Producers of large messages are killed until one dies with the mutex of the queue."""
import os
import signal
import sys
import time

from faster_fifo import Queue

message = b"x" * (100 << 20)


def fork(body):
    pid = os.fork()
    if pid == 0:
        body()
        os._exit(0)
    return pid


def ended_after(pid, seconds):
    time.sleep(seconds)
    return os.waitpid(pid, os.WNOHANG)[0] != 0


for attempt in range(200):
    queue = Queue(300 << 20)
    victim = fork(lambda: queue.put(message))
    time.sleep(0.02 + 0.002 * (attempt % 100))
    os.kill(victim, signal.SIGKILL)
    os.waitpid(victim, 0)
    other = fork(lambda: queue.put(b"y"))
    if not ended_after(other, 0.5) and not ended_after(other, 5):
        os.kill(other, signal.SIGKILL)
        print("the producer after the killed one of attempt", attempt, "waits forever")
        sys.exit(0)
    queue.close()
sys.exit("no producer was left waiting")
