"""I/O: a client that waits for a slow server, again and again."""

import socket
import threading
import time

ROUNDS = 20


def serve(connection: socket.socket) -> None:
    """Answer, 5 milliseconds late."""
    while connection.recv(64):
        time.sleep(0.005)
        connection.sendall(b"answer")


def run() -> None:
    """Ask and wait."""
    client, server = socket.socketpair()
    thread = threading.Thread(target=serve, args=(server,))
    thread.start()
    with server, client:
        for _ in range(ROUNDS):
            client.sendall(b"question")
            client.recv(64)
        client.shutdown(socket.SHUT_WR)
        thread.join()


if __name__ == "__main__":
    run()
