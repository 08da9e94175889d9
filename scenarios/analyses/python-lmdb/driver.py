"""lmdb: two processes add to a number in write transactions."""
import sys

sys.path.insert(0, "../common")
import lmdb
from locks import children


def add():
    with lmdb.open("data", map_size=1 << 20) as environment:
        with environment.begin(write=True) as transaction:
            number = int(transaction.get(b"number", b"0"))
            transaction.put(b"number", b"%d" % (number + 1))


def number():
    with lmdb.open("data", map_size=1 << 20) as environment, environment.begin() as transaction:
        return int(transaction.get(b"number", b"0"))


ends = children(add, add)
if sys.argv[1] == "exclusion":
    assert ends == [0, 0] and number() == 2, (ends, number())
else:
    assert ends[1] == 0 and number() in (1, 2), (ends, number())
