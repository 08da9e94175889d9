"""Processes that share memory through the standard library."""

import multiprocessing as mp
import struct
import sys
from multiprocessing import shared_memory


def fill(name, lock, total, squares):
    block = shared_memory.SharedMemory(name=name)
    for number in range(4):
        with lock:
            (count,) = struct.unpack_from("q", block.buf)
            struct.pack_into("q", block.buf, 0, count + 1)
        with total.get_lock():
            total.value += number
        squares[number] = number * number
    block.close()


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    memory = shared_memory.SharedMemory(create=True, size=4096)
    guard = mp.Lock()
    sum_of_all = mp.Value("i", 0)
    table = mp.Array("q", 4)
    words = (memory.name, guard, sum_of_all, table)
    workers = [mp.Process(target=fill, args=words) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(struct.unpack_from("q", memory.buf)[0], sum_of_all.value, table[:])
    print([worker.exitcode for worker in workers])
    memory.close()
    memory.unlink()
