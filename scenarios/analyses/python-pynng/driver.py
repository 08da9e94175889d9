"""pynng: Push0 to Pull0 over ipc."""
import sys

sys.path.insert(0, "../common")
import pynng
from queues import main

ADDRESS = "ipc:///tmp/numbers.socket"


class End:
    """Dials or listens at the first use, in the process that uses it."""

    socket = None

    def side(self, kind, **how):
        if self.socket is None:
            self.socket = kind(**how)
        return self.socket


main(
    lambda: None,
    lambda _: End(),
    lambda end, n: end.side(pynng.Push0, dial=ADDRESS, block_on_dial=False).send(b"%d" % n),
    lambda end: int(end.side(pynng.Pull0, listen=ADDRESS).recv()),
    lambda end: end.socket.close(),
)
