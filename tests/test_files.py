"""Files and folders are replaced completely or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from conflict_ner import files
from conflict_ner.checkpoint import refuse_non_checkpoint
from conflict_ner.errors import CheckpointError, ConfigError
from conflict_ner.files import (
    atomic_folder,
    atomic_path,
    atomic_write,
    lock_output,
    parse_complete_lines,
    previous_folder,
    sync_folder,
)
from hypothesis import given, settings
from hypothesis import strategies as st

DEAD_PROCESS = 2**22 + 1  # beyond the largest process id that Linux gives
OLD_FILES = {"manifest.json": "old", "only-in-old": "old"}
NEW_FILES = {"manifest.json": "new"}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder with an old checkpoint in it."""
    folder = tmp_path / "models" / "m"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("old")
    (folder / "only-in-old").write_text("old")
    return folder


def read_files(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def export_new(folder: Path) -> None:
    with atomic_folder(folder, refuse_non_checkpoint) as draft_folder:
        (draft_folder / "manifest.json").write_text("new")


def write_and_fail(target: Path) -> None:
    with atomic_write(target) as stream:
        stream.write("new")
        raise RuntimeError


def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    with pytest.raises(RuntimeError):
        write_and_fail(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    old=st.none() | st.text(max_size=20),
    parts=st.lists(st.text() | st.just("x" * 10_000), max_size=5),
    error=st.sampled_from([None, RuntimeError, OSError, KeyboardInterrupt, SystemExit, GeneratorExit]),
)
def test_the_content_is_the_old_or_the_new_whatever_the_block_raises(
    old: str | None, parts: list[str], error: type[BaseException] | None
) -> None:
    with TemporaryDirectory() as folder:
        target = Path(folder) / "out"
        if old is not None:
            target.write_bytes(old.encode("utf-8"))
        raised: BaseException | None = None
        try:
            with atomic_write(target) as stream:
                for part in parts:
                    stream.write(part)
                if error:
                    raise error
        except BaseException as caught:
            raised = caught
        assert type(raised) is (error or type(None))
        expected = old if error else "".join(parts)
        assert (target.read_bytes() if target.exists() else None) == (
            None if expected is None else expected.encode("utf-8")
        )
        assert {file.name for file in Path(folder).iterdir()} <= {"out"}


def test_the_file_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_write(tmp_path / "link") as stream:
        stream.write("new\n")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new\n"


@pytest.mark.skipif(os.name == "nt", reason="files have no permissions of this kind")
def test_who_may_read_a_file_stays_as_it_was(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text("private")
        (tmp_path / name).chmod(0o600)
    with atomic_write(tmp_path / "a") as stream:
        stream.write("new")
    with atomic_path(tmp_path / "b") as draft:
        draft.write_text("new")
    assert [((tmp_path / name).read_text(), (tmp_path / name).stat().st_mode & 0o777) for name in "ab"] == [
        ("new", 0o600)
    ] * 2


def test_an_error_names_the_target(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error, atomic_write(tmp_path / "nowhere" / "out"):
        pass
    assert error.value.filename == str(tmp_path.resolve() / "nowhere" / "out")


@pytest.mark.parametrize("incomplete", [b"", b"{", b'{"a": 2}', b"\0\0\n", b"\xff\n", b'\n{"a": 2}\n'])
def test_lines_count_up_to_the_first_that_is_not_whole(incomplete: bytes) -> None:
    assert parse_complete_lines(b'{"a": 1}\n' + incomplete) == ([{"a": 1}], 9)


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


@pytest.mark.parametrize("before", ["no parent", "nothing", "empty folder"])
def test_a_new_folder_is_created_where_there_was_none(checkpoint: Path, before: str) -> None:
    shutil.rmtree(checkpoint.parent if before == "no parent" else checkpoint)
    if before == "empty folder":
        checkpoint.mkdir()
    export_new(checkpoint)
    assert read_files(checkpoint) == NEW_FILES
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


@pytest.fixture(params=["exchange", "no exchange"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that can exchange two folders in one step, and one that cannot."""
    if request.param == "no exchange":
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)


@pytest.mark.usefixtures("file_system")
def test_the_checkpoint_that_is_replaced_is_kept_until_the_next(checkpoint: Path) -> None:
    export_new(checkpoint)
    assert (read_files(checkpoint), read_files(previous_folder(checkpoint))) == (NEW_FILES, OLD_FILES)
    (checkpoint / "note").write_text("of the second")
    export_new(checkpoint)
    assert (read_files(checkpoint), read_files(previous_folder(checkpoint))) == (
        NEW_FILES,
        {**NEW_FILES, "note": "of the second"},
    )
    assert set(checkpoint.parent.iterdir()) == {checkpoint, previous_folder(checkpoint)}


def test_a_previous_folder_that_is_no_checkpoint_is_not_replaced(checkpoint: Path) -> None:
    previous_folder(checkpoint).mkdir()
    (previous_folder(checkpoint) / "thesis.txt").write_text("mine")
    with pytest.raises(CheckpointError, match=r"m\.previous exists and is not a checkpoint"):
        export_new(checkpoint)
    assert read_files(checkpoint) == OLD_FILES


def test_a_link_at_the_previous_folder_is_removed_and_its_target_stays(checkpoint: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoint, tmp_path / "elsewhere")
    previous_folder(checkpoint).symlink_to(tmp_path / "elsewhere")
    export_new(checkpoint)
    assert read_files(tmp_path / "elsewhere") == OLD_FILES
    assert not previous_folder(checkpoint).is_symlink()
    assert set(checkpoint.parent.iterdir()) == {checkpoint, previous_folder(checkpoint)}


KILLED_EXPORTS = textwrap.dedent("""
    import os, sys
    from pathlib import Path
    from conflict_ner import files
    from conflict_ner.checkpoint import refuse_non_checkpoint

    folder, kind = Path(sys.argv[1]), sys.argv[2]
    steps = last = 0
    def counted(step):
        def run(*arguments, **options):
            global steps
            steps += 1
            if steps > last:
                os._exit(9)
            return step(*arguments, **options)
        return run

    def export():
        Path.rename = counted(Path.rename)
        files._exchange = counted(files._exchange if kind == "exchange" else lambda one, other: False)
        files.shutil.rmtree = counted(files.shutil.rmtree)
        with files.atomic_folder(folder, refuse_non_checkpoint) as draft_folder:
            (draft_folder / "manifest.json").write_text("new")
            (draft_folder / "only-in-new").write_text("new")

    for line in sys.stdin:  # each export is in a process of its own, which a new interpreter need not start
        last = int(line)
        if child := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            continue
        status = 1
        try:
            export()
            status = 0
        finally:
            os._exit(status)
""")


@contextmanager
def killed_exports(folder: Path, kind: str) -> Iterator[Callable[[int], int]]:
    """Yield a function that exports in another process, kills it before a step and returns its exit code."""
    command = [sys.executable, "-c", KILLED_EXPORTS, str(folder), kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def export(step: int) -> int:
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{step}\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield export


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("kind", ["exchange", "no exchange"])
def test_killed_at_any_step_both_folders_are_whole_and_the_next_export_clears_up(checkpoint: Path, kind: str) -> None:
    folders, older = (checkpoint, previous_folder(checkpoint)), {"manifest.json": "older"}
    new = {"manifest.json": "new", "only-in-new": "new"}
    with killed_exports(checkpoint, kind) as killed_export:
        for step in range(20):
            for folder, before in ((folders[0], OLD_FILES), (folders[1], older)):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                for name, text in before.items():
                    (folder / name).write_text(text)
            code = killed_export(step)
            assert code in (0, 9)
            if checkpoint.exists():  # without an exchange it is missing between two renames
                assert read_files(checkpoint) in (OLD_FILES, new)
            if previous_folder(checkpoint).exists():
                assert read_files(previous_folder(checkpoint)) in (older, OLD_FILES)
            replaced = checkpoint.exists() and read_files(checkpoint) == new
            export_new(checkpoint)
            assert read_files(checkpoint) == NEW_FILES
            assert read_files(previous_folder(checkpoint)) == (new if replaced else OLD_FILES)
            assert set(checkpoint.parent.iterdir()) == set(folders)
            if code == 0:
                return
    pytest.fail("the export did not end")


def test_the_folder_may_be_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with atomic_folder(Path("new"), refuse_non_checkpoint) as draft_folder:
        (draft_folder / "manifest.json").write_text("new")
        monkeypatch.chdir("/")
    assert read_files(tmp_path / "new") == {"manifest.json": "new"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_the_old_folder_stays_when_the_block_raises(checkpoint: Path, error: type[BaseException]) -> None:
    def write_half() -> None:
        with atomic_folder(checkpoint, refuse_non_checkpoint) as draft_folder:
            (draft_folder / "manifest.json").write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert read_files(checkpoint) == OLD_FILES
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


def test_the_old_folder_is_whole_until_the_block_ends(checkpoint: Path) -> None:
    with atomic_folder(checkpoint, refuse_non_checkpoint) as draft_folder:
        (draft_folder / "manifest.json").write_text("new")
        assert read_files(checkpoint) == OLD_FILES


SLOW_EXPORT = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from conflict_ner.checkpoint import refuse_non_checkpoint
    from conflict_ner.files import atomic_folder
    with atomic_folder(Path(sys.argv[1]), refuse_non_checkpoint) as draft_folder:
        (draft_folder / "manifest.json").write_text("half")
        print(draft_folder, flush=True)
        time.sleep(60)
""")


@contextmanager
def export_in_another_process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Start another process that is still writing an export; yield it and its draft folder."""
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_EXPORT, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_killed_in_the_middle_the_old_folder_stays_and_the_next_export_clears_up(checkpoint: Path) -> None:
    with export_in_another_process(checkpoint) as (process, draft_folder):
        assert read_files(draft_folder) == {"manifest.json": "half"}
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert read_files(checkpoint) == OLD_FILES
    assert draft_folder.is_dir()
    export_new(checkpoint)
    assert read_files(checkpoint) == {"manifest.json": "new"}
    assert set(checkpoint.parent.iterdir()) == {checkpoint, previous_folder(checkpoint)}


def test_the_draft_of_a_running_process_is_left_alone(checkpoint: Path) -> None:
    with export_in_another_process(checkpoint) as (_, draft_folder):
        export_new(checkpoint)
        assert read_files(draft_folder) == {"manifest.json": "half"}
    assert read_files(checkpoint) == {"manifest.json": "new"}


@pytest.mark.parametrize("name", [".m.partial-{}", ".m.partial-{}.old", ".m.partial-{}.gone", ".m.exchange-{}-1"])
def test_leftovers_of_dead_processes_are_cleared_away(checkpoint: Path, name: str) -> None:
    leftover = checkpoint.with_name(name.format(DEAD_PROCESS))
    leftover.mkdir()
    (leftover / "manifest.json").write_text("left")
    export_new(checkpoint)
    assert read_files(checkpoint) == {"manifest.json": "new"}
    assert set(checkpoint.parent.iterdir()) == {checkpoint, previous_folder(checkpoint)}


def test_what_only_looks_like_a_leftover_is_left_alone(checkpoint: Path) -> None:
    similar_names = [".m.partial-notes", f".other.partial-{DEAD_PROCESS}"]
    for name in similar_names:
        checkpoint.with_name(name).mkdir()
    export_new(checkpoint)
    assert read_files(checkpoint) == {"manifest.json": "new"}
    assert {path.name for path in checkpoint.parent.iterdir()} == {"m", "m.previous", *similar_names}


def test_brackets_in_a_name_are_no_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "m[1]"
    folder.with_name(f".m[1].partial-{DEAD_PROCESS}").mkdir()
    export_new(folder)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_is_no_checkpoint_is_not_replaced(tmp_path: Path) -> None:
    other = tmp_path / "precious"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        export_new(other)
    assert read_files(other) == {"thesis.txt": "mine"}


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    other = tmp_path / "precious"
    other.write_text("mine")
    with pytest.raises(CheckpointError):
        export_new(other)
    assert other.read_text() == "mine"


def test_a_link_to_a_checkpoint_can_be_exported_to_and_leaves_nothing_behind(checkpoint: Path) -> None:
    link = checkpoint.with_name("link")
    link.symlink_to(checkpoint)
    export_new(link)
    export_new(link)
    assert read_files(link) == {"manifest.json": "new"}
    assert {path.name for path in checkpoint.parent.iterdir()} == {"m", "m.previous", "link"}


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="cannot be written"):
        export_new(tmp_path / "file" / "m")


def test_this_process_is_no_leftover_of_itself(checkpoint: Path) -> None:
    leftover = checkpoint.with_name(f".m.partial-{os.getpid()}")  # of an earlier process that had the same id
    leftover.mkdir()
    export_new(checkpoint)
    assert set(checkpoint.parent.iterdir()) == {checkpoint, previous_folder(checkpoint)}
