"""A checkpoint is pushed whole, to a private repository unless asked for; the hub is a stand-in of its HTTP API."""

from __future__ import annotations

import base64
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.errors import CheckpointError, ConfigError
from conflict_ner.export.hub import push
from helpers.command import conflict_ner
from huggingface_hub import constants


class Hub(ThreadingHTTPServer):
    """The parts of the hub's API that a push uses; weights go the way of large files (LFS)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.repositories: dict[str, bool] = {}  # by name: whether it is private
        self.files: dict[str, bytes] = {}
        self.objects: dict[str, bytes] = {}
        self.messages: list[str] = []
        self.token = "secret"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Requests(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        name = "/".join(urlsplit(self.path).path.split("/")[3:5])
        if not self.refused():
            self.reply({"id": name, "private": self.server.repositories[name], "sha": "abc", "siblings": []})

    def do_PUT(self) -> None:
        self.server.objects[self.path.rpartition("/")[2]] = self.body()
        self.reply({})

    def do_POST(self) -> None:
        body = self.body()
        path = urlsplit(self.path).path
        if self.refused():
            return
        if path == "/api/repos/create":
            wanted = json.loads(body)
            name = f"{wanted.get('organization') or 'anna'}/{wanted['name']}"
            exists = name in self.server.repositories
            private = wanted.get("private", wanted.get("visibility") == "private")
            self.server.repositories.setdefault(name, private)
            self.reply({"url": f"{self.server.url}/{name}", "error": "exists"}, 409 if exists else 200)
        elif path == "/api/validate-yaml":
            self.reply({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            modes = {True: "lfs", False: "regular"}
            files = [(file["path"], file["path"].endswith(".safetensors")) for file in json.loads(body)["files"]]
            self.reply({"files": [{"path": p, "uploadMode": modes[lfs], "shouldIgnore": False} for p, lfs in files]})
        elif path.endswith("/info/lfs/objects/batch"):
            upload = [
                {**one, "actions": {"upload": {"href": f"{self.server.url}/objects/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            self.reply({"transfer": "basic", "objects": upload})
        else:
            self.commit([json.loads(line) for line in body.splitlines()])

    def refused(self) -> bool:
        is_refused = self.headers.get("Authorization") != f"Bearer {self.server.token}"
        if is_refused:
            self.reply({"error": "Invalid username or password."}, 401)
        return is_refused

    def commit(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                self.server.messages.append(value["summary"])
            elif line["key"] == "file":
                self.server.files[value["path"]] = base64.b64decode(value["content"])
            else:
                self.server.files[value["path"]] = self.server.objects[value["oid"]]
        name = "/".join(urlsplit(self.path).path.split("/")[3:5])
        self.reply({"commitUrl": f"{self.server.url}/{name}/commit/1", "commitOid": "1", "success": True})

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def reply(self, content: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub at which one is logged in."""
    server = Hub()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # the stand-in has no such storage
    monkeypatch.setenv("HF_TOKEN", server.token)
    yield server
    server.shutdown()
    server.server_close()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_all_files_arrive_in_a_private_repository(
    hub: Hub, checkpoint_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = conflict_ner(capsys, "push", checkpoint_folder, "newsroom/arms")
    assert (code, out) == (0, f"{hub.url}/newsroom/arms/commit/1\n"), err
    assert hub.files == content(checkpoint_folder)
    assert hub.repositories == {"newsroom/arms": True}
    digest = Checkpoint.load(checkpoint_folder).manifest.weights_sha256
    assert hub.messages == [f"{checkpoint_folder.name}, weights {digest[:12]}"]
    assert "model.safetensors" in err
    assert "private" in err


def test_a_public_repository_has_to_be_asked_for(hub: Hub, checkpoint_folder: Path) -> None:
    hub.repositories["newsroom/arms"] = False
    with pytest.raises(ConfigError, match=r"newsroom/arms: is public: .*; add --public"):
        push(checkpoint_folder, "newsroom/arms")
    assert not hub.files
    pushed = push(checkpoint_folder, "newsroom/arms", public=True, message="first")
    assert pushed.repository == "newsroom/arms"
    assert set(pushed.files) == set(hub.files)
    assert hub.messages == ["first"]
    assert push(checkpoint_folder, "mine", public=True).repository == "anna/mine"
    assert hub.repositories["anna/mine"] is False


def test_a_files_name_is_no_pattern(hub: Hub, checkpoint_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint_folder, tmp_path / "copy")
    (folder / "notes[1].md").write_text("mine", encoding="utf-8")
    push(folder, "newsroom/arms")
    assert hub.files == content(folder)


def test_weights_that_are_not_the_manifests_are_not_pushed(hub: Hub, checkpoint_folder: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(checkpoint_folder, tmp_path / "changed")
    with (changed / "model.safetensors").open("ab") as weights:
        weights.write(b"x")
    with pytest.raises(CheckpointError, match="has changed since it was exported"):
        push(changed, "newsroom/arms")
    assert not hub.repositories


def test_what_the_hub_refuses_is_said_with_what_to_do(
    hub: Hub, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "another"
    with pytest.raises(
        CheckpointError, match=r"refuses newsroom/arms: Invalid username.*; log in with `hf auth login`"
    ):
        push(checkpoint_folder, "newsroom/arms")
    with pytest.raises(ConfigError, match=r"a/b/c: .*write OWNER/NAME"):
        push(checkpoint_folder, "a/b/c")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(CheckpointError, match=r"127\.0\.0\.1:9 cannot be reached"):
        push(checkpoint_folder, "newsroom/arms")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE is set"):
        push(checkpoint_folder, "newsroom/arms")
