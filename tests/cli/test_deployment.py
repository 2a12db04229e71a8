"""The command `serve`, without a model: what it refuses at once, and what it passes on."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.inference.service import server
from conflict_ner.inference.service.limits import API_KEY, Settings
from helpers.command import conflict_ner


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the command asked for; nothing is served."""
    calls: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda *arguments: calls.append(arguments))
    monkeypatch.delenv(API_KEY, raising=False)
    return calls


def test_options_become_limits(
    served: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert conflict_ner(capsys, "serve", "models/none")[0] == 0
    [(_, host, port, settings, _)] = served
    assert (host, port, settings) == ("127.0.0.1", 8080, Settings())
    monkeypatch.setenv(API_KEY, "sesame")
    options = ("--port", "0", "--max-characters", "9", "--max-body", "2", "--queue", "3", "--timeout", "0.5")
    assert conflict_ner(capsys, "serve", *options)[0] == 0
    assert served[1][3] == Settings(9, 2 * 2**20, 3, 0.5, api_key="sesame")


def test_an_empty_key_is_refused(
    served: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(API_KEY, "")
    code, _, err = conflict_ner(capsys, "serve", "models/none")
    assert (code, f"{API_KEY} is set and empty" in err, served) == (3, True, [])


def test_what_cannot_be_served_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setattr("conflict_ner.errors.find_spec", lambda name: None)
    code, _, err = conflict_ner(capsys, "serve", tmp_path)
    assert (code, "serve needs packages that are not installed" in err, "fastapi" in err) == (3, True, True)
    monkeypatch.undo()
    pytest.importorskip("fastapi", reason="the service was not tested: fastapi (the extra serve) is not installed")
    code, _, err = conflict_ner(capsys, "serve", tmp_path, "--port", "0")
    assert (code, "is no model" in err) == (3, True), err
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, _, err = conflict_ner(capsys, "serve", tmp_path, "--port", str(other.getsockname()[1]))
    assert (code, "is in use by another program; choose another with --port" in err) == (3, True)
