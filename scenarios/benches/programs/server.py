# A server with two workers that were forked in advance, and its client.
import os, socket

listener = socket.socket(socket.AF_UNIX)
listener.bind("socket")
listener.listen(5)
workers = []
for _ in range(2):
    worker = os.fork()
    if worker == 0:
        while True:
            connection, _ = listener.accept()
            request = connection.recv(100)
            if request == b"end":
                os._exit(0)
            connection.send(request.upper())
            connection.close()
    workers.append(worker)


def ask(request):
    client = socket.socket(socket.AF_UNIX)
    client.connect("socket")
    client.send(request)
    return client if request == b"end" else client.recv(100)


assert ask(b"one") == b"ONE" and ask(b"two") == b"TWO"
for worker in workers:
    ask(b"end")
for worker in workers:
    os.waitpid(worker, 0)
os.unlink("socket")
