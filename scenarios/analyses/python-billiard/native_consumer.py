"""A consumer is killed while it waits for a message; the next one gets none."""
import os
import billiard
import time

context = billiard.get_context("fork")
queue = context.Queue()
victim = context.Process(target=queue.get)
victim.start()
time.sleep(1)
os.kill(victim.pid, 9)
victim.join()
queue.put(99)
survivor = context.Process(target=queue.get)
survivor.start()
survivor.join(10)
assert survivor.is_alive(), "it got the message"
os.kill(survivor.pid, 9)
