"""pyzmq: PUSH to PULL over ipc."""
import sys

sys.path.insert(0, "../common")
import zmq
from queues import main


class End:
    """Connects or binds at the first use, in the process that uses it."""

    socket = None

    def side(self, kind, join):
        if self.socket is None:
            self.context = zmq.Context()
            self.socket = self.context.socket(kind)
            getattr(self.socket, join)("ipc://numbers.socket")
        return self.socket


def close(end):
    end.socket.close()
    end.context.term()


main(
    lambda: None,
    lambda _: End(),
    lambda end, n: end.side(zmq.PUSH, "connect").send(b"%d" % n),
    lambda end: int(end.side(zmq.PULL, "bind").recv()),
    close,
)
