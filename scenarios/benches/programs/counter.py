# Increments a number in a file under a lock, after an interpreter's usual imports.
import argparse, asyncio, concurrent.futures, fcntl, json, logging, os, subprocess, tempfile
import urllib.request

file = os.open("number", os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(file, fcntl.LOCK_EX)
number = int(os.pread(file, 20, 0) or b"0")
os.pwrite(file, str(number + 1).encode(), 0)
