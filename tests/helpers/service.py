"""A service on loopback, with a tagger that needs no model, and a client that sends whatever a test wants."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from conflict_ner.data.document import Entity

PLACES = re.compile(r"Goma|El Fasher|Sanaa|\U0001f4a3")
LABELS = ("ACTOR", "LOCATION", "NUMBER.killed")


@dataclass
class StubTagger:
    """Finds three places. `free` unset keeps it busy; `batches` is what it was asked for."""

    name: str = "stub"
    free: threading.Event = field(default_factory=threading.Event)
    batches: list[list[str]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    values: Any = None
    names: Any = None
    labels: tuple[str, ...] = LABELS

    def __post_init__(self) -> None:
        self.free.set()
        self.checkpoint: Any = SimpleNamespace(
            folder=Path("models") / self.name, name=self.name, weights_sha256="0123456789abcdef", manifest=None
        )

    def tag(self, texts: Sequence[str]) -> list[list[Entity]]:
        self.batches.append(list(texts))
        self.threads.add(threading.get_ident())
        assert self.free.wait(60)
        if any("FAIL" in text for text in texts):
            raise RuntimeError(f"cannot read {texts}")
        return [
            [Entity("LOCATION", found[0], found.start(), found.end(), 0.875) for found in PLACES.finditer(text)]
            for text in texts
        ]


@dataclass(frozen=True)
class Answer:
    """What a client got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        assert list(self.json) == ["error"]
        assert self.headers["content-type"] == "application/json"
        return str(self.json["error"])


@dataclass(frozen=True)
class Client:
    """Talks to a service on this machine."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, None, **headers)

    def post(self, path: str, content: Any, **headers: str) -> Answer:
        return self.send("POST", path, json.dumps(content).encode(), **{"Content_Type": "application/json", **headers})

    def metric(self, line: str) -> float:
        """Return a figure of `/metrics`, by its name with its labels; 0 if there is none yet."""
        text = self.get("/metrics").body.decode()
        return next((float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(line + " ")), 0.0)


@contextmanager
def running(tagger: Any, settings: Any = None) -> Iterator[Client]:
    """Serve in a thread of this process, and stop gracefully."""
    import uvicorn
    from conflict_ner.inference.service.app import create_app

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(tagger, settings), log_level="error", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield Client(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


def wait_until(holds: Any, seconds: float = 60) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)
