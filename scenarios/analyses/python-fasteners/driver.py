"""fasteners.InterProcessLock."""
import sys

sys.path.insert(0, "../common")
import fasteners
from locks import main

main(fasteners.InterProcessLock, lambda lock, seconds: lock.acquire(timeout=seconds))
