"A server that can't be reached is known soon."

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from linknet_fastai.network import PATIENCE, probe


class Forbidding(BaseHTTPRequestHandler):
    def do_HEAD(self): self.send_error(403)

    def log_message(self, *words): pass


def test_any_answer_will_do():
    server = HTTPServer(("127.0.0.1", 0), Forbidding)
    threading.Thread(target=server.handle_request, daemon=True).start()
    probe(f"http://127.0.0.1:{server.server_port}/")


def test_a_port_that_is_closed():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and doesn't listen
        with pytest.raises(OSError): probe(f"http://127.0.0.1:{taken.getsockname()[1]}/")


def test_no_answer(monkeypatch):
    monkeypatch.setattr("linknet_fastai.network.PATIENCE", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        with pytest.raises(OSError): probe(f"http://127.0.0.1:{silent.getsockname()[1]}/")
    assert time.monotonic() - started < PATIENCE
