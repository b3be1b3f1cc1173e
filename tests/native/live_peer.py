"""Both ends of the traffic of a test: `serve [CONGESTION-CONTROL]`, or `KIND ADDRESS SECONDS [CONGESTION-CONTROL]`.

Kinds: `ask`: requests of one segment, responses of three, with pauses; `talk`: one segment each; `push`: data in bursts with
pauses; `upload`, `download`: data all the time.
"""

from __future__ import annotations

import socket
import sys
import threading
import time

PORT = 9000
ASKED = {"ask": 3000, "talk": 1000, "download": 4_000_000}
"""Octets of a response."""
PAUSE_S = {"ask": 0.01, "talk": 0.005, "push": 0.01}
SO_MAX_PACING_RATE = 47
RATE = 10_000_000
"""Octets a second at most: what two cores carry through five namespaces and a meter without dropping anything themselves."""


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


def serve(congestion: str) -> None:
    """Until it is killed."""
    with socket.create_server(("", PORT)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
        print("serving", flush=True)  # noqa: T201 - the test waits for it
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, RATE)
            threading.Thread(target=answer, args=(connection,), daemon=True).start()


def main() -> None:
    """As the arguments say."""
    if sys.argv[1] == "serve":
        serve((*sys.argv, "cubic")[2])
    end = time.monotonic() + float(sys.argv[3])
    with socket.socket() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, (*sys.argv, "cubic")[4].encode())
        connection.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, RATE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect((sys.argv[2], PORT))
        kind = sys.argv[1]
        if kind not in ASKED:
            connection.sendall(b"00000000")
        while time.monotonic() < end:
            if kind not in ASKED:
                connection.sendall(b"y" * 20_000)
            else:
                missing = ASKED[kind]
                connection.sendall(b"%08d" % missing)
                while missing:
                    missing -= len(connection.recv(min(missing, 65536)))
            time.sleep(PAUSE_S.get(kind, 0))
        # Until everything has arrived: what the kernel sends for a process that has gone would be missed.
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


if __name__ == "__main__":
    main()
