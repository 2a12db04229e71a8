"""Files by path or by address: found, opened, and written whole or not at all."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import fsspec
import pytest
from conflict_ner.errors import ConfigError, Problem
from conflict_ner.inference.cluster.storage import PartFolder, find_files, open_input, put_file
from fsspec.implementations.memory import MemoryFileSystem
from helpers.archives import write


@pytest.fixture(autouse=True)
def memory() -> MemoryFileSystem:
    """An empty object store."""
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    store: MemoryFileSystem = fsspec.filesystem("memory")
    return store


def test_a_folder_at_an_address_is_searched(memory: MemoryFileSystem) -> None:
    for name in ("b.csv", "a/c.parquet", "a/_SUCCESS", ".hidden/d.csv"):
        memory.pipe_file(f"/bucket/{name}", b"1234")
    hidden: set[str] = set()
    problems: list[Problem] = []
    files = find_files(["memory://bucket", "memory://bucket/*.csv"], problems.append, hidden)
    assert [(file.path, file.size) for file in files] == [
        ("memory:///bucket/a/c.parquet", 4),
        ("memory:///bucket/b.csv", 4),
        ("memory:///bucket/b.csv", 4),
    ]
    assert (hidden, problems) == ({"memory:///bucket/.hidden/d.csv"}, [])
    with open_input(files[0].path) as stream:
        assert stream.read() == b"1234"


def test_a_changed_file_has_another_stamp(tmp_path: Path) -> None:
    address = f"file://{write(tmp_path / 'r.csv', 'text')}"
    (before,) = find_files([address], print, set())
    assert (before.name, before.size) == (address, 4)
    write(tmp_path / "r.csv", "abcd")
    (after,) = find_files([address], print, set())
    assert after.stamp != before.stamp


def test_what_cannot_be_read_is_a_problem(tmp_path: Path, memory: MemoryFileSystem) -> None:
    memory.pipe_file("/bucket/notes.docx", b"")
    problems: list[Problem] = []
    names = ["memory://bucket/none.csv", "memory://bucket/notes.docx", str(tmp_path / "none.csv"), "/dev/null"]
    assert find_files(names, problems.append, set()) == []
    assert [problem.where for problem in problems] == names
    with pytest.raises(ConfigError, match=r"xyz://bucket/a\.csv"):
        find_files(["xyz://bucket/a.csv"], problems.append, set())


@pytest.mark.parametrize("place", ["memory://bucket/out.parts", "{}/out.parts"])
def test_a_folder_of_parts(tmp_path: Path, place: str) -> None:
    folder: PartFolder = pickle.loads(pickle.dumps(PartFolder(place.format(tmp_path))))
    assert folder.names() == set()
    folder.create()
    folder.write("a.jsonl", b"1\n2\n")
    folder.write("a.jsonl", b"1\n2\n")
    assert folder.names() == {"a.jsonl"}
    assert list(folder.lines("a.jsonl")) == [b"1\n", b"2\n"]
    draft = write(tmp_path / "draft", "done")
    target = place.format(tmp_path).replace(".parts", ".csv")
    put_file(draft, target)
    with open_input(target) as stream:
        assert stream.read() == b"done"
    folder.remove()
    assert folder.names() == set()


def test_a_part_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        PartFolder(str(tmp_path)).write("a.jsonl", b"1\n")
    assert list(tmp_path.iterdir()) == []
