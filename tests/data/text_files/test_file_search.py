"""Search of folders: links and cycles, hidden entries, entries that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from conflict_ner.data.text_files.file_search import SearchResult, find_hidden_part, is_hidden, printable, search_folder
from helpers.archives import write


def find_texts(folder: Path) -> SearchResult:
    return search_folder(folder, lambda name: name.endswith(".txt"))


def names(paths: list[Path] | list[str], folder: Path) -> list[str]:
    return [str(Path(path).relative_to(folder)) for path in paths]


def test_files_are_sorted_by_path(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a.txt", "a/y.txt", "a/README"):
        write(tmp_path / name, "")
    assert names(find_texts(tmp_path).files, tmp_path) == ["a/y.txt", "a/z.txt", "a.txt", "b.txt"]


def test_linked_folders_are_searched_once_and_cycles_end(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    write(folder / "own" / "a.txt", "")
    write(elsewhere / "b.txt", "")
    (elsewhere / "back").symlink_to(folder)
    (folder / "own" / "up").symlink_to("..")
    (folder / "aaa").symlink_to("own")
    (folder / "link").symlink_to(elsewhere)
    (folder / "twice").symlink_to(elsewhere)
    (folder / "one.txt").symlink_to(elsewhere / "b.txt")
    result = find_texts(folder)
    assert names(result.files, folder) == ["link/b.txt", "one.txt", "own/a.txt"]
    assert result.problems == []


def test_a_broken_link_is_a_problem_and_the_rest_is_searched(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", "")
    (tmp_path / "a.txt").symlink_to("gone.txt")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / ".#b.txt").symlink_to("me@here.1")  # the lock of an editor
    result = find_texts(tmp_path)
    assert names(result.files, tmp_path) == ["b.txt"]
    assert [problem.where for problem in result.problems] == [str(tmp_path / "a.txt"), str(tmp_path / "circle")]
    assert all("broken link" in problem.what for problem in result.problems)
    assert names(result.hidden, tmp_path) == [".#b.txt"]


def test_hidden_entries_below_a_named_folder_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / ".notes"
    for name in (".git/a.txt", ".ipynb_checkpoints/a.txt", "__MACOSX/a.txt", "._a.txt", ".#a.txt", "~$a.txt", "a.txt"):
        write(folder / name, "")
    write(folder / ".DS_Store", "")  # would not be read under any name
    (folder / ".cache").mkdir()
    result = find_texts(folder)
    assert names(result.files, folder) == ["a.txt"]
    assert len(result.hidden) == 7
    assert result.problems == []


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("a/.git/x/b.txt", "a/.git"),
        ("__MACOSX/._a.txt", "__MACOSX"),
        ("../../a.txt", None),
        ("./a.txt", None),
        ("/etc/a.txt", None),
        ("dir\\._a.txt", "dir/._a.txt"),
        ("a~$.txt", None),
    ],
)
def test_in_archives_the_same_names_are_hidden(name: str, part: str | None) -> None:
    assert find_hidden_part(name) == part
    assert any(is_hidden(part_name) for part_name in name.replace("\\", "/").split("/")) == (part is not None)


def test_a_folder_that_may_not_be_read_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "b" / "a.txt", "")
    write(tmp_path / "z.txt", "")
    scandir = os.scandir

    def refusing(path: Path) -> Any:
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    result = find_texts(tmp_path)
    assert names(result.files, tmp_path) == ["z.txt"]
    (problem,) = result.problems
    assert problem.where == str(tmp_path / "b")
    assert "Permission denied" in problem.what
    assert problem.unreadable


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Be nobody, where the tests run as root, who may read everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_folder_without_permissions_is_a_problem_for_an_ordinary_user() -> None:
    with TemporaryDirectory() as folder:  # pytest's own may be entered by its owner only
        check_folders_without_permissions(Path(folder))


def check_folders_without_permissions(tmp_path: Path) -> None:
    for closed, mode in (("none", 0o000), ("only listed", 0o444)):
        write(tmp_path / closed / "a.txt", "").parent.chmod(mode)
    write(tmp_path / "z.txt", "")
    tmp_path.chmod(0o755)
    with ordinary_user():
        result = find_texts(tmp_path)
    (tmp_path / "none").chmod(0o755)
    (tmp_path / "only listed").chmod(0o755)
    assert str(tmp_path / "none") in [problem.where for problem in result.problems]
    # The names of the files there are known; opening them fails later.
    assert names(result.files, tmp_path) == ["only listed/a.txt", "z.txt"]


def test_a_pipe_in_a_folder_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    result = find_texts(tmp_path)
    assert result.files == []
    assert "pipe" in result.problems[0].what


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/a b/Отчёт é.txt", "/a b/Отчёт é.txt"),
        (os.fsdecode(b"caf\xe9.txt"), "caf\\xe9.txt"),
        ("two\nlines\x1b[0m", "two\\x0alines\\x1b[0m"),
        ("\ud800", "\\ud800"),
    ],
)
def test_names_are_shown_as_text(name: str, shown: str) -> None:
    assert printable(name) == shown
    assert printable(Path(name)) == shown
    shown.encode("utf-8")
