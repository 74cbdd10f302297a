"""Serves this folder, by the library's own server, until its input ends. Says at which port."""

import functools
import http.server
import os
import sys
import threading

folder = os.path.dirname(os.path.abspath(__file__))


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


handler = functools.partial(Handler, directory=folder)
server = http.server.ThreadingHTTPServer(("localhost", 0), handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
