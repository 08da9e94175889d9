"""UltraDict: two processes set keys; `lock` adds to a number under its lock."""
import sys

sys.path.insert(0, "../common")
from locks import children
from UltraDict import UltraDict

shared = UltraDict(name="numbers", create=True, shared_lock=False)
shared["n"] = 0


def setter(key):
    def body():
        mine = UltraDict(name="numbers", create=False)
        mine[key] = 1
        mine[key] = 2
        mine.close()

    return body


ends = children(setter("a"), setter("b"))
assert ends == [0, 0], ends
assert (shared["a"], shared["b"]) == (2, 2), dict(shared)
shared.unlink()
