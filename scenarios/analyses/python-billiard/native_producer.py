"""A producer is killed while it writes a message; those of others do not arrive."""
import os
import billiard
import time

context = billiard.get_context("fork")
queue = context.Queue()
victim = context.Process(target=lambda: queue.put(b"x" * 1000000))
victim.start()
time.sleep(1)
os.kill(victim.pid, 9)
victim.join()
producer = context.Process(target=queue.put, args=(20,))
producer.start()
consumer = context.Process(target=queue.get)
consumer.start()
consumer.join(10)
assert consumer.is_alive(), "it got something"
os.kill(consumer.pid, 9)
os.kill(producer.pid, 9)
