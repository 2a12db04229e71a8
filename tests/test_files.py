"""A file is replaced whole or not at all."""

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
from conflict_ner import files
from conflict_ner.checkpoint import refuse_non_checkpoint
from conflict_ner.errors import CheckpointError, ConfigError
from conflict_ner.files import (
    atomic_folder,
    atomic_write,
    lock_output,
    parse_complete_lines,
    previous_folder,
    sync_folder,
)


def broken_off(target: Path) -> None:
    with atomic_write(target) as stream:
        stream.write("new")
        raise RuntimeError


def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    with pytest.raises(RuntimeError):
        broken_off(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_the_file_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_write(tmp_path / "link") as stream:
        stream.write("new\n")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new\n"


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error, atomic_write(tmp_path / "nowhere" / "out"):
        pass
    assert error.value.filename == str(tmp_path.resolve() / "nowhere" / "out")


@pytest.mark.parametrize("torn", [b"", b"{", b'{"a": 2}', b"\0\0\n", b"\xff\n", b'\n{"a": 2}\n'])
def test_lines_count_up_to_the_first_that_is_not_whole(torn: bytes) -> None:
    assert parse_complete_lines(b'{"a": 1}\n' + torn) == ([{"a": 1}], 9)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as first, (tmp_path / "a").open("wb") as second:
        lock_output(first, tmp_path / "out")
        with pytest.raises(ConfigError, match="out: another process is writing it"):
            lock_output(second, tmp_path / "out")
    with (tmp_path / "a").open("wb") as third:
        lock_output(third, tmp_path / "out")


def test_a_folder_that_cannot_be_synced_does_no_harm(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    sync_folder(tmp_path / "none")


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
NEW = {"manifest.json": "new"}


def write_new(folder: Path) -> None:
    with atomic_folder(folder, refuse_non_checkpoint) as aside:
        (aside / "manifest.json").write_text("new")


@pytest.mark.parametrize("before", ["no parent", "nothing", "empty folder"])
def test_the_new_folder_takes_the_place_of_nothing(model: Path, before: str) -> None:
    shutil.rmtree(model.parent if before == "no parent" else model)
    if before == "empty folder":
        model.mkdir()
    write_new(model)
    assert content(model) == NEW
    assert list(model.parent.iterdir()) == [model]


@pytest.fixture(params=["exchange", "no exchange"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that can exchange two folders in one step, and one that cannot."""
    if request.param == "no exchange":
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)


@pytest.mark.usefixtures("file_system")
def test_the_checkpoint_that_is_replaced_is_kept_until_the_next(model: Path) -> None:
    write_new(model)
    assert (content(model), content(previous_folder(model))) == (NEW, OLD)
    (model / "note").write_text("of the second")
    write_new(model)
    assert (content(model), content(previous_folder(model))) == (NEW, {**NEW, "note": "of the second"})
    assert set(model.parent.iterdir()) == {model, previous_folder(model)}


def test_what_would_be_kept_replaces_no_other_folder(model: Path) -> None:
    previous_folder(model).mkdir()
    (previous_folder(model) / "thesis.txt").write_text("mine")
    with pytest.raises(CheckpointError, match=r"m\.previous exists and is not a checkpoint"):
        write_new(model)
    assert content(model) == OLD


def test_of_a_link_in_the_place_of_the_kept_one_only_the_link_goes(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "elsewhere")
    previous_folder(model).symlink_to(tmp_path / "elsewhere")
    write_new(model)
    assert content(tmp_path / "elsewhere") == OLD
    assert not previous_folder(model).is_symlink()
    assert set(model.parent.iterdir()) == {model, previous_folder(model)}


KILLED = textwrap.dedent("""
    import os, sys
    from pathlib import Path
    from conflict_ner import files
    from conflict_ner.checkpoint import refuse_non_checkpoint

    steps, last = 0, int(sys.argv[2])
    def counted(step):
        def run(*arguments, **options):
            global steps
            steps += 1
            if steps > last:
                os._exit(9)
            return step(*arguments, **options)
        return run

    Path.rename = counted(Path.rename)
    files._exchange = counted(files._exchange if sys.argv[3] == "exchange" else lambda one, other: False)
    files.shutil.rmtree = counted(files.shutil.rmtree)
    with files.atomic_folder(Path(sys.argv[1]), refuse_non_checkpoint) as aside:
        (aside / "manifest.json").write_text("new")
        (aside / "only-in-new").write_text("new")
    print(steps)
""")


@pytest.mark.parametrize("kind", ["exchange", "no exchange"])
def test_killed_at_any_step_both_folders_are_whole_and_the_next_export_clears_up(model: Path, kind: str) -> None:
    places, older = (model, previous_folder(model)), {"manifest.json": "older"}
    new = {"manifest.json": "new", "only-in-new": "new"}
    for step in range(20):
        for folder, before in ((places[0], OLD), (places[1], older)):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name, text in before.items():
                (folder / name).write_text(text)
        command = [sys.executable, "-c", KILLED, str(model), str(step), kind]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode in (0, 9), done.stderr
        if model.exists():  # without an exchange it is away for one rename, and put back
            assert content(model) in (OLD, new)
        if previous_folder(model).exists():
            assert content(previous_folder(model)) in (older, OLD)
        replaced = model.exists() and content(model) == new
        write_new(model)
        assert content(model) == NEW
        assert content(previous_folder(model)) == (new if replaced else OLD)
        assert set(model.parent.iterdir()) == set(places)
        if done.returncode == 0:
            return
    pytest.fail("it never came to an end")


def test_the_place_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with atomic_folder(Path("new"), refuse_non_checkpoint) as aside:
        (aside / "manifest.json").write_text("new")
        monkeypatch.chdir("/")
    assert content(tmp_path / "new") == {"manifest.json": "new"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_the_old_folder_stays_when_the_block_raises(model: Path, error: type[BaseException]) -> None:
    def write_half() -> None:
        with atomic_folder(model, refuse_non_checkpoint) as aside:
            (aside / "manifest.json").write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert content(model) == OLD
    assert list(model.parent.iterdir()) == [model]


def test_the_old_folder_is_whole_until_the_block_ends(model: Path) -> None:
    with atomic_folder(model, refuse_non_checkpoint) as aside:
        (aside / "manifest.json").write_text("new")
        assert content(model) == OLD


SCRIPT = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from conflict_ner.checkpoint import refuse_non_checkpoint
    from conflict_ner.files import atomic_folder
    with atomic_folder(Path(sys.argv[1]), refuse_non_checkpoint) as aside:
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
    assert set(model.parent.iterdir()) == {model, previous_folder(model)}


def test_what_a_living_process_writes_is_left_alone(model: Path) -> None:
    with writing_elsewhere(model) as (_, aside):
        write_new(model)
        assert content(aside) == {"manifest.json": "half"}
    assert content(model) == {"manifest.json": "new"}


@pytest.mark.parametrize("name", [".m.partial-{}", ".m.partial-{}.old", ".m.partial-{}.gone", ".m.exchange-{}-1"])
def test_leftovers_of_dead_processes_are_cleared_away(model: Path, name: str) -> None:
    left = model.with_name(name.format(DEAD))
    left.mkdir()
    (left / "manifest.json").write_text("left")
    write_new(model)
    assert content(model) == {"manifest.json": "new"}
    assert set(model.parent.iterdir()) == {model, previous_folder(model)}


def test_what_only_looks_like_a_leftover_is_left_alone(model: Path) -> None:
    names = [".m.partial-notes", f".other.partial-{DEAD}"]
    for name in names:
        model.with_name(name).mkdir()
    write_new(model)
    assert content(model) == {"manifest.json": "new"}
    assert {path.name for path in model.parent.iterdir()} == {"m", "m.previous", *names}


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
    assert {path.name for path in model.parent.iterdir()} == {"m", "m.previous", "link"}


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_new(tmp_path / "file" / "m")


def test_this_process_is_no_leftover_of_itself(model: Path) -> None:
    left = model.with_name(f".m.partial-{os.getpid()}")  # of an earlier process that had the same id
    left.mkdir()
    write_new(model)
    assert set(model.parent.iterdir()) == {model, previous_folder(model)}
