"""Both ends of the traffic of a test: `serve`, or `ask|push ADDRESS SECONDS` against it."""

from __future__ import annotations

import socket
import sys
import threading
import time

PORT = 9000


def answer(connection: socket.socket) -> None:
    """A request is eight digits: so many octets come back; none: whatever comes is thrown away."""
    with connection:
        while len(request := connection.recv(8)) == 8:
            if int(request):
                connection.sendall(b"x" * int(request))
            else:
                while connection.recv(65536):
                    pass
                return


def serve() -> None:
    """Until it is killed."""
    with socket.create_server(("", PORT)) as listener:
        print("serving", flush=True)  # noqa: T201 - the test waits for it
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=answer, args=(connection,), daemon=True).start()


def main() -> None:
    """As the arguments say."""
    if sys.argv[1] == "serve":
        serve()
    end = time.monotonic() + float(sys.argv[3])
    with socket.socket() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect((sys.argv[2], PORT))
        if sys.argv[1] == "push":
            connection.sendall(b"00000000")
        while time.monotonic() < end:
            if sys.argv[1] == "push":
                connection.sendall(b"y" * 20_000)
            else:
                connection.sendall(b"00003000")
                missing = 3000
                while missing:
                    missing -= len(connection.recv(missing))
            time.sleep(0.01)


if __name__ == "__main__":
    main()
