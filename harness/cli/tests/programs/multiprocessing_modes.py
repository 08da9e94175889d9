"""Processes that talk through the standard library: queue, pool or pipe."""

import multiprocessing as mp
import sys


def produce(queue, name):
    for number in range(3):
        queue.put((name, number))
    queue.put((name, None))


def through_queue():
    queue = mp.Queue()
    producers = [mp.Process(target=produce, args=(queue, name)) for name in "ab"]
    for producer in producers:
        producer.start()
    got, open_ends = [], len(producers)
    while open_ends:
        item = queue.get()
        if item[1] is None:
            open_ends -= 1
        else:
            got.append(item)
    for producer in producers:
        producer.join()
    print(sorted(got), [producer.exitcode for producer in producers])


def square(number):
    return number * number


def in_pool():
    with mp.Pool(2) as pool:
        print(pool.map(square, range(6)))


def double(connection):
    while (item := connection.recv()) is not None:
        connection.send(item * 2)
    connection.close()


def through_pipe():
    here, there = mp.Pipe()
    child = mp.Process(target=double, args=(there,))
    child.start()
    for item in (1, "ab", [3]):
        here.send(item)
        print(here.recv())
    here.send(None)
    child.join()
    sys.exit(child.exitcode + 4)


if __name__ == "__main__":
    mp.set_start_method(sys.argv[2])
    {"queue": through_queue, "pool": in_pool, "pipe": through_pipe}[sys.argv[1]]()
