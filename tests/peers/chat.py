"""Clients of `chat_server`. Usage: chat.py ADDRESS"""

import socket
import sys

HOST, PORT = sys.argv[1].rsplit(":", 1)


class Guest:
    def __init__(self, name):
        self.socket = socket.create_connection((HOST, int(PORT)), timeout=20)
        self.lines = self.socket.makefile("rw", encoding="utf-8", newline="")
        self.reads("What is your name?\n")
        self.says(f"{name}\n")
        self.reads(f"Welcome, {name.strip()}.\n")

    def says(self, text):
        self.lines.write(text)
        self.lines.flush()

    def reads(self, line):
        heard = self.lines.readline()
        assert heard == line, (heard, line)

    def goes(self):
        self.lines.close()
        self.socket.close()


ada = Guest("Ada")
# As from a terminal on Windows, or telnet.
bob = Guest("Bob\r")
ada.reads("* Bob has come\n")
bob.says("hello\r\nin tw")
ada.reads("Bob: hello\n")
ada.says("wait, what?\n")
bob.reads("Ada: wait, what?\n")
bob.says("o parts, and with an ö\n")
ada.reads("Bob: in two parts, and with an ö\n")

# A line without an end ends the connection of its client only.
cleo = Guest("Cleo")
ada.reads("* Cleo has come\n")
bob.reads("* Cleo has come\n")
cleo.says("x" * 1000)
ada.reads("* Cleo has gone\n")
bob.reads("* Cleo has gone\n")

# The same for bytes that are not UTF-8.
dora = Guest("Dora")
ada.reads("* Dora has come\n")
bob.reads("* Dora has come\n")
dora.socket.sendall(b"\xff\xfe\n")
ada.reads("* Dora has gone\n")
bob.reads("* Dora has gone\n")

bob.goes()
ada.reads("* Bob has gone\n")
print("yes")
