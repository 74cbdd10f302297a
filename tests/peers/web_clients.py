"""Clients of `http_hello`, each a law. Usage: web_clients.py ADDRESS LAW"""

import http.client
import socket
import struct
import sys
import threading
import time

HOST, PORT = sys.argv[1].rsplit(":", 1)
GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
HELLO = b"Hello, world!\n"


def connect():
    return socket.create_connection((HOST, int(PORT)), timeout=10)


def read_all(connection):
    """Everything, until the server closes; a reset is an error."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def ask(request, then_close=False):
    with connect() as connection:
        connection.sendall(request)
        if then_close:
            connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def read_hello(reader):
    """One answer of a connection that goes on."""
    assert reader.readline() == b"HTTP/1.1 200 OK\r\n"
    while reader.readline() != b"\r\n":
        pass
    assert reader.read(len(HELLO)) == HELLO


def keep_alive():
    """A hundred requests of all kinds go through one connection."""
    connection = http.client.HTTPConnection(HOST, int(PORT), timeout=10)
    connection.connect()
    port = connection.sock.getsockname()[1]
    for turn in range(25):
        for method, path, body, status in [
            ("GET", "/", None, 200),
            ("HEAD", "/", None, 200),
            ("GET", "/nothing", None, 404),
            ("POST", "/", b"x" * (turn * 1000), 405),
        ]:
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == status, (method, path, answer.status)
            assert answer.getheader("Connection") == "keep-alive"
            assert method != "HEAD" or text == b""
            assert status != 200 or method == "HEAD" or text == HELLO
            assert connection.sock.getsockname()[1] == port, "another connection"


def asks_to_close():
    """A client that sends `close`, or 1.0 without a header, sees the end after the answer."""
    for request in [LAST, b"GET / HTTP/1.0\r\n\r\n", LAST.replace(b"close", b"CLOSE")]:
        answer = ask(request)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(HELLO), answer
        assert b"Connection: close\r\n" in answer
    # And what stands behind that is not answered.
    assert ask(LAST + GET + GET).count(HELLO) == 1
    old = b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
    assert ask(old + old + LAST).count(HELLO) == 3


def pipelining():
    """Requests that do not wait for answers are answered all, in order."""
    many = b"".join(GET if n % 3 else GET.replace(b" / ", b" /no ") for n in range(2000)) + LAST
    with connect() as connection:
        sender = threading.Thread(target=connection.sendall, args=(many,))
        sender.start()
        answers = read_all(connection)
        sender.join()
    statuses = [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200" if n % 3 else b"404" for n in range(2000)] + [b"200"]


def cut_anywhere():
    """It does not matter where the network cuts two requests."""
    two = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nabcde" + GET
    with connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = connection.makefile("rb")
        for cut in range(1, len(two)):
            connection.sendall(two[:cut])
            time.sleep(0.001)
            connection.sendall(two[cut:])
            assert b" 405 " in reader.readline()
            while reader.readline() != b"\r\n":
                pass
            reader.readline()
            read_hello(reader)


def slow():
    """A client that never ends its request is cut off, silent or not; others do not notice."""
    silent = [connect() for _ in range(50)]
    for connection in silent:
        connection.sendall(GET[:20])
    begin = time.monotonic()
    for _ in range(50):
        assert ask(LAST).endswith(HELLO)
    assert time.monotonic() - begin < 10, "they wait for the slow ones"

    # One byte now and then, and never the last.
    with connect() as dribbling:
        dribbling.settimeout(0.1)
        answer = b""
        dribbling.sendall(b"GET / HTTP/1.1\r\nX: ")
        while not answer:
            assert time.monotonic() - begin < 20, "it may go on for ever"
            dribbling.sendall(b"x")
            try:
                answer = dribbling.recv(1000)
            except TimeoutError:
                pass
        assert answer.startswith(b"HTTP/1.1 408 "), answer
    for connection in silent:
        answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        connection.close()

    # Slow, but it gets there.
    with connect() as connection:
        for at in range(0, len(LAST), 10):
            connection.sendall(LAST[at : at + 10])
            time.sleep(0.02)
        assert read_all(connection).endswith(HELLO)


def broken():
    """What is not HTTP, or too much of it, is answered with a status, and the connection ends."""
    host = b"Host: here\r\n"
    for status, request in [
        (b"400", b"\r\n\r\n"),
        (b"400", b"hello?\r\n\r\n"),
        (b"400", b"GET /\r\n\r\n"),
        (b"400", b"GET  HTTP/1.1\r\n" + host + b"\r\n\r\n"),
        (b"400", b"GET / / HTTP/1.1\r\n" + host + b"\r\n"),
        (b"400", b"G(T / HTTP/1.1\r\n" + host + b"\r\n"),
        (b"400", b"GET /\x01 HTTP/1.1\r\n" + host + b"\r\n"),
        (b"400", b"GET /\xff\xfe HTTP/1.1\r\n" + host + b"\r\n"),
        (b"400", b"GET / FTP/1.1\r\n" + host + b"\r\n"),
        (b"400", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + host + b"\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + b"no colon\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + b"space : x\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + b": no name\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + b" folded: x\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + b"X: a\nY: b\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + b"X: a\x00b\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + b"Content-Length: +1\r\n\r\nx"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + b"Content-Length: 1x\r\n\r\nx"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + b"Content-Length:\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n" + host + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        (b"413", b"POST / HTTP/1.1\r\n" + host + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000000),
        (b"417", b"POST / HTTP/1.1\r\n" + host + b"Expect: 100-continue\r\n\r\n"),
        (b"431", b"GET /" + b"x" * 1000000),
        (b"431", b"GET / HTTP/1.1\r\n" + host + b"X: y\r\n" * 100000),
        (b"501", b"POST / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (b"505", b"GET / HTTP/2.0\r\n" + host + b"\r\n"),
    ]:
        # Behind a good one it is just as bad, and what follows it is not answered.
        for before in [b"", GET]:
            answers = ask(before + request + GET)
            refusal = answers[answers.rindex(b"HTTP/1.1 "):]
            assert refusal.startswith(b"HTTP/1.1 " + status), (request[:80], refusal)
            assert b"Connection: close\r\n" in refusal
            assert answers.count(HELLO) == (1 if before else 0), request[:80]
    # A client that is still sending when it is refused may finish, and gets the answer.
    with connect() as connection:
        connection.sendall(b"hello?\r\n\r\n")
        for _ in range(5):
            time.sleep(0.02)
            connection.sendall(b"x" * 1000)
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")
    # An end in mid-request.
    for request in [GET[:-1], GET[:10], b"P / HTTP/1.1\r\nHost:\r\nContent-Length: 9\r\n\r\nabc"]:
        assert ask(request, then_close=True).startswith(b"HTTP/1.1 400 "), request
    # An end between two requests is none.
    assert ask(b"", then_close=True) == b""
    assert ask(GET, then_close=True).endswith(HELLO)


def gone():
    """Clients that vanish at any moment, by an end or by a reset, leave nothing behind."""
    for turn in range(300):
        connection = connect()
        connection.sendall((GET * 20)[: turn * 3])
        if turn % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert ask(LAST).endswith(HELLO)


def never_reads():
    """A client that sends requests without end and never reads is cut off, and costs little."""
    with connect() as connection:
        begin = time.monotonic()
        try:
            while True:
                connection.sendall(GET * 1000)
                assert time.monotonic() - begin < 20, "it may go on for ever"
        except (ConnectionResetError, BrokenPipeError):
            pass


def load():
    """Forty clients at once, each with two hundred requests on one connection."""
    failures = []

    def client():
        try:
            with connect() as connection:
                reader = connection.makefile("rb")
                for _ in range(200):
                    connection.sendall(GET)
                    read_hello(reader)
        except Exception as failure:
            failures.append(failure)

    clients = [threading.Thread(target=client) for _ in range(40)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    assert not failures, failures


globals()[sys.argv[2]]()
print("yes")
