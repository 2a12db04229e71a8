"""A checkpoint folder is replaced whole or not at all, also when the process is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conflict_ner import replacing
from conflict_ner.errors import CheckpointError
from conflict_ner.replacing import written_aside

DEAD = 2**22 + 1  # beyond the largest process id that Linux gives


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The place of a checkpoint, with an old one in it."""
    folder = tmp_path / "models" / "m"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("old")
    (folder / "only-in-old").write_text("old")
    return folder


def content(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


OLD = {"manifest.json": "old", "only-in-old": "old"}


def write_new(folder: Path) -> None:
    with written_aside(folder) as aside:
        (aside / "manifest.json").write_text("new")


@pytest.mark.parametrize("before", ["no parent", "nothing", "empty folder", "old checkpoint"])
def test_the_new_folder_takes_the_place_of_what_was_there(model: Path, before: str) -> None:
    if before != "old checkpoint":
        shutil.rmtree(model.parent if before == "no parent" else model)
    if before == "empty folder":
        model.mkdir()
    write_new(model)
    assert content(model) == {"manifest.json": "new"}
    assert list(model.parent.iterdir()) == [model]


def test_the_place_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with written_aside(Path("new")) as aside:
        (aside / "manifest.json").write_text("new")
        monkeypatch.chdir("/")
    assert content(tmp_path / "new") == {"manifest.json": "new"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_the_old_folder_stays_when_the_block_raises(model: Path, error: type[BaseException]) -> None:
    def write_half() -> None:
        with written_aside(model) as aside:
            (aside / "manifest.json").write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert content(model) == OLD
    assert list(model.parent.iterdir()) == [model]


def test_the_old_folder_is_whole_until_the_block_ends(model: Path) -> None:
    with written_aside(model) as aside:
        (aside / "manifest.json").write_text("new")
        assert content(model) == OLD


def test_without_an_atomic_exchange_the_new_folder_still_takes_its_place(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacing, "_exchange", lambda one, other: False)
    write_new(model)
    assert content(model) == {"manifest.json": "new"}
    assert list(model.parent.iterdir()) == [model]


SCRIPT = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from conflict_ner.replacing import written_aside
    with written_aside(Path(sys.argv[1])) as aside:
        (aside / "manifest.json").write_text("half")
        print(aside, flush=True)
        time.sleep(60)
""")


@contextmanager
def writing_elsewhere(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process in the middle of writing, and where it writes."""
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_killed_in_the_middle_the_old_folder_stays_and_the_next_export_clears_up(model: Path) -> None:
    with writing_elsewhere(model) as (process, aside):
        assert content(aside) == {"manifest.json": "half"}
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert content(model) == OLD
    assert aside.is_dir()
    write_new(model)
    assert content(model) == {"manifest.json": "new"}
    assert list(model.parent.iterdir()) == [model]


def test_what_a_living_process_writes_is_left_alone(model: Path) -> None:
    with writing_elsewhere(model) as (_, aside):
        write_new(model)
        assert content(aside) == {"manifest.json": "half"}
    assert content(model) == {"manifest.json": "new"}


@pytest.mark.parametrize("name", [".m.partial-{}", ".m.partial-{}.old"])
def test_leftovers_of_dead_processes_are_cleared_away(model: Path, name: str) -> None:
    left = model.with_name(name.format(DEAD))
    left.mkdir()
    (left / "manifest.json").write_text("left")
    write_new(model)
    assert content(model) == {"manifest.json": "new"}
    assert list(model.parent.iterdir()) == [model]


def test_what_only_looks_like_a_leftover_is_left_alone(model: Path) -> None:
    names = [".m.partial-notes", f".other.partial-{DEAD}"]
    for name in names:
        model.with_name(name).mkdir()
    write_new(model)
    assert content(model) == {"manifest.json": "new"}
    assert {path.name for path in model.parent.iterdir()} == {"m", *names}


def test_a_name_with_brackets_is_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "m[1]"
    folder.with_name(f".m[1].partial-{DEAD}").mkdir()
    write_new(folder)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_is_no_checkpoint_is_not_replaced(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        write_new(precious)
    assert content(precious) == {"thesis.txt": "mine"}


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    with pytest.raises(CheckpointError):
        write_new(precious)
    assert precious.read_text() == "mine"


def test_a_link_to_a_checkpoint_can_be_exported_to_and_leaves_nothing_behind(model: Path) -> None:
    link = model.with_name("link")
    link.symlink_to(model)
    write_new(link)
    write_new(link)
    assert content(link) == {"manifest.json": "new"}
    assert {path.name for path in model.parent.iterdir()} == {"m", "link"}


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_new(tmp_path / "file" / "m")


def test_this_process_is_no_leftover_of_itself(model: Path) -> None:
    left = model.with_name(f".m.partial-{os.getpid()}")  # of an earlier process that had the same id
    left.mkdir()
    write_new(model)
    assert list(model.parent.iterdir()) == [model]
