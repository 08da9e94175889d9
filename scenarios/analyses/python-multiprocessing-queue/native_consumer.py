"""A consumer is killed while it waits for a message; the next one gets none."""
import multiprocessing
import time

context = multiprocessing.get_context("fork")
queue = context.Queue()
victim = context.Process(target=queue.get)
victim.start()
time.sleep(1)
victim.kill()
victim.join()
queue.put(99)
survivor = context.Process(target=queue.get)
survivor.start()
survivor.join(10)
assert survivor.is_alive(), "it got the message"
survivor.kill()
