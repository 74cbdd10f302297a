"""Clients of `tcp_echo`, `udp_echo` and of Unix sockets. Usage: echo.py KIND ADDRESS"""

import os
import socket
import sys
import threading

KIND, ADDRESS = sys.argv[1:]


def stream(connection):
    """What comes back is what was sent, though the client reads only when much was sent."""
    sent = os.urandom(1 << 20)
    connection.settimeout(20)

    def send():
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    echo = b"".join(iter(lambda: connection.recv(65536), b""))
    sender.join()
    assert echo == sent, (len(echo), len(sent))


def datagrams(server):
    """Each comes back whole, the empty one too, to the client that sent it."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(10)]
    for client in sockets:
        client.settimeout(20)
    for size in [0, 1, 1472, 1473, 9000, 60000]:
        # What does not fit into the server's buffer is lost, and rightly: the large ones go one by one.
        at_once = len(sockets) if size < 2000 else 1
        for first in range(0, len(sockets), at_once):
            group = [(client, os.urandom(size)) for client in sockets[first : first + at_once]]
            for client, message in group:
                client.sendto(message, server)
            for client, message in group:
                echo, peer = client.recvfrom(65536)
                assert echo == message and peer == server, (len(echo), size, peer)


def serve_stream(path):
    """A server that does not use this library."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(20)
        print("listening")
        connection, _ = listener.accept()
        connection.settimeout(20)
        while data := connection.recv(65536):
            connection.sendall(data)
        connection.sendall(b"the end")
        connection.close()


def serve_datagrams(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        server.settimeout(20)
        print("listening")
        while True:
            message, peer = server.recvfrom(65536)
            server.sendto(message, peer)
            if not message:
                break


# A name that no file has begins with a zero, which no argument may contain.
PATH = "\0" + ADDRESS[1:] if ADDRESS.startswith("@") else ADDRESS

if KIND == "tcp":
    host, port = ADDRESS.rsplit(":", 1)
    stream(socket.create_connection((host, int(port)), timeout=20))
elif KIND == "udp":
    host, port = ADDRESS.rsplit(":", 1)
    datagrams((host, int(port)))
elif KIND == "unix":
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(PATH)
    stream(connection)
elif KIND == "serve-unix":
    serve_stream(PATH)
elif KIND == "serve-unix-datagrams":
    serve_datagrams(PATH)
print("yes")
