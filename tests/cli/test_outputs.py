"""No command replaces a file that it reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.archives import write
from helpers.command import conflict_ner

Captured = pytest.CaptureFixture[str]
REPORTS = "=== a\n\n[Police](ACTOR) left [Goma](LOCATION).\n"


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("evaluate MODEL a.md", "--html a.md"),
        ("evaluate MODEL folder", "--predictions folder/b.md"),
        ("evaluate MODEL a.md --names n.csv", "--predictions n.csv"),
        ("agree a.md folder", "--html a.md"),
        ("review MODEL a.md", "--output a.md"),
        ("review MODEL a.md", "--html a.md"),
        ("review --next 1 MODEL a.md", "--output a.md"),
        ("tag MODEL a.md", "--output a.md"),
        ("tag MODEL a.md", "--html a.md"),
        ("tag MODEL a.md --names n.csv", "--output n.csv"),
        ("convert a.md", "a.md"),
        ("convert folder", "folder/b.md"),
        ("convert --rows mentions a.md", "a.md"),
        ("convert --rows mentions folder", "folder/b.md"),
    ],
)
def test_what_is_read_is_not_replaced(
    command: str,
    output: str,
    tmp_path: Path,
    checkpoint_folder: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    files = [write(tmp_path / name, REPORTS) for name in ("a.md", "folder/b.md")]
    files.append(write(tmp_path / "n.csv", "name,label\nGoma,LOCATION\n"))
    before = [file.read_bytes() for file in files]
    arguments = f"{command} {output}".replace("MODEL", str(checkpoint_folder)).split()
    code, out, _ = conflict_ner(capsys, *arguments)
    assert (code, out, [file.read_bytes() for file in files]) == (2, "", before)


def test_other_files_of_a_folder_that_is_read_are_replaced(
    tmp_path: Path, checkpoint_folder: Path, capsys: Captured
) -> None:
    write(tmp_path / "a.md", REPORTS)
    page = write(tmp_path / "page.html", "an earlier page")
    assert conflict_ner(capsys, "evaluate", checkpoint_folder, tmp_path, "--html", page)[0] == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
