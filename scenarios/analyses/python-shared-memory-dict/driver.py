"""shared_memory_dict.SharedMemoryDict with SHARED_MEMORY_USE_LOCK=1."""
import os
import sys

os.environ["SHARED_MEMORY_USE_LOCK"] = "1"
sys.path.insert(0, "../common")
from locks import children
from shared_memory_dict import SharedMemoryDict

shared = SharedMemoryDict(name="numbers", size=1024)


def writer(key):
    def body():
        shared[key] = 1
        shared[key] = 2

    return body


ends = children(writer("a"), writer("b"))
if sys.argv[1] == "exclusion":
    assert ends == [0, 0] and dict(shared.items()) == {"a": 2, "b": 2}, (ends, dict(shared.items()))
else:
    assert ends[1] == 0 and shared["b"] == 2, (ends, dict(shared.items()))
shared.shm.close()
shared.shm.unlink()
