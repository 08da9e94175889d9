"""diskcache.Lock, in a cache that all processes open."""
import sys

sys.path.insert(0, "../common")
import diskcache
from locks import main


def lock(path):
    return diskcache.Lock(diskcache.Cache(path), "key")


main(lock)
