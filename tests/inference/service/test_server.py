"""The process that serves: its port, its signals, and what it says."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the service was not tested: fastapi (the extra serve) is not installed")

from conflict_ner.errors import ServeError
from conflict_ner.inference.service import server
from conflict_ner.inference.service.limits import Settings

SCRIPT = """
import time
from conflict_ner.inference.service.limits import Settings
from conflict_ner.inference.service.server import serve
from helpers.service import StubTagger

class SlowTagger(StubTagger):
    def tag(self, texts):
        if texts == ["Goma"]:
            print("busy", flush=True)
            time.sleep(0.5)
        return super().tag(texts)

serve(SlowTagger, "127.0.0.1", 0, Settings(), lambda line: print(line, flush=True))
print("end")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_after_the_answers(number: signal.Signals) -> None:
    environment = {"PYTHONPATH": ":".join([str(Path(__file__).parents[2]), *sys.path])}
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        first = process.stdout.readline()
        assert first.startswith("stub is served on http://127.0.0.1:"), process.stderr and process.stderr.read()
        port = int(first.partition(";")[0].rpartition(":")[2])
        body = b'{"text": "Goma"}'
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            assert process.stdout.readline() == "busy\n"
            process.send_signal(number)
            assert b'"text":"Goma"' in client.makefile("rb").read()
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert output == "stopped; every request that was accepted has been answered\nend\n"


def test_a_port_in_use_is_known_before_the_model_loads() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServeError, match=f"port {port} of 127.0.0.1 is in use by another program; choose another"):
            server.serve(lambda: pytest.fail("loaded"), "127.0.0.1", port, Settings())


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("no-such-host.invalid", "--host no-such-host.invalid: no such address"),
        ("192.0.2.1", "--host 192.0.2.1: .*; 127.0.0.1 is this machine alone"),  # of nobody, by RFC 5737
        ("x" * 70, "no such address"),
    ],
)
def test_an_address_of_another_machine_is_refused(host: str, message: str) -> None:
    with pytest.raises(ServeError, match=message):
        server.bind(host, 0)


def test_a_port_that_needs_rights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse, raising=False)
    with pytest.raises(ServeError, match=r"port 80 of 127.0.0.1 may not be used by this user; choose one from 1024 on"):
        server.bind("127.0.0.1", 80)


def test_addresses() -> None:
    with server.bind("localhost", 0) as listener:
        assert server.is_loopback(listener)
    with server.bind("0.0.0.0", 0) as listener:
        assert not server.is_loopback(listener)
        assert server.address(listener).startswith("http://0.0.0.0:")
    if socket.has_ipv6:
        with server.bind("::1", 0) as listener:
            assert server.is_loopback(listener)
            assert server.address(listener).startswith("http://[::1]:")
