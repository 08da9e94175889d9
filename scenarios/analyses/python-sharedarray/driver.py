"""SharedArray: one process makes an array, others attach and read what was written."""
import sys

sys.path.insert(0, "../common")
import SharedArray
from locks import children


def creator():
    array = SharedArray.create("shm://numbers", 4, dtype=int)
    array[:] = 7


def reader():
    try:
        array = SharedArray.attach("shm://numbers")
    except OSError:
        return
    assert len(array) == 4


ends = children(creator, reader)
if any(one.name == b"numbers" for one in SharedArray.list()):
    SharedArray.delete("shm://numbers")
assert ends[1] == 0, ends
