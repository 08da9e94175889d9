# Starts three programs and waits for all of them.
import json, logging, subprocess, sys

children = [subprocess.Popen([sys.executable, "-c", "print('done')"]) for _ in range(3)]
assert [child.wait() for child in children] == [0, 0, 0]
