# A producer and a consumer with a queue of multiprocessing.
import multiprocessing


def produce(queue):
    for number in range(5):
        queue.put(number)
    queue.put(None)


if __name__ == "__main__":
    queue = multiprocessing.get_context("fork").Queue()
    producer = multiprocessing.get_context("fork").Process(target=produce, args=(queue,))
    producer.start()
    assert list(iter(queue.get, None)) == [0, 1, 2, 3, 4]
    producer.join()
