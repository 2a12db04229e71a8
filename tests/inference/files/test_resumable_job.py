"""A job's output is complete or absent; an interrupted job is resumed or refused."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest
from conflict_ner.errors import ConfigError, DataError, JobError, Problem
from conflict_ner.inference.files.resumable_job import Job, JobCounts, facts_of, job, job_differences, job_files

FACTS = {"column": "text", "inputs": [["a.csv", 10, 1], ["b.csv", 10, 1]]}
ROW = '{"id": "é"}\n'


def interrupted(target: Path, reports: int, *, resume: bool = False, begun: int = 1000) -> None:
    """A job that is interrupted after as many reports; what comes after `begun` of them is not yet safe."""
    with suppress(KeyboardInterrupt), job(target, FACTS, resume=resume, every=0.0) as output:
        for number in range(reports):
            if number <= begun:
                output.save_if_due()
            output.add(ROW, 2, 3)
        raise KeyboardInterrupt


def finished(target: Path, reports: int = 3, convert: Any = None, **options: Any) -> Job:
    with job(target, FACTS, every=0.0, **options) as output:
        while output.counts.reports < reports:
            output.save_if_due()
            output.add(ROW, 0, 3)
        output.finish(convert)
    return output


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_finished_job_leaves_its_output_only(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    with job(tmp_path / "out", FACTS) as output:
        output.add(ROW, 2, 3)
        output.add(ROW, 0, 4)
        assert (tmp_path / "out").read_text() == "old"
        output.finish()
    assert (tmp_path / "out").read_text(encoding="utf-8") == 2 * ROW
    assert output.counts == JobCounts(2, 2, 1, 7, 26)
    assert names(tmp_path) == ["out"]


def test_an_output_can_be_a_folder(tmp_path: Path) -> None:
    def write(records: Any, draft: Path) -> None:
        draft.mkdir()
        (draft / "ids").write_text("".join(record["id"] for record in records()), encoding="utf-8")

    target = tmp_path / "out"
    with suppress(KeyboardInterrupt), job(target, FACTS, every=0.0, is_folder=True) as output:
        output.add(ROW, 0, 3)
        output.save_if_due()
        raise KeyboardInterrupt
    with job(target, FACTS, every=0.0, is_folder=True, resume=True) as output:
        output.add(ROW, 0, 3)
        output.finish_as(write)
    assert (target / "ids").read_text(encoding="utf-8") == "éé"
    assert names(tmp_path) == ["out"]
    with pytest.raises(FileExistsError), job(target, FACTS, is_folder=True):
        pass
    assert names(tmp_path) == ["out"]


def test_what_a_format_cannot_hold_is_safe_as_jsonl(tmp_path: Path) -> None:
    def refuse(_records: Any, draft: Path) -> None:
        draft.write_text("half")
        raise DataError([Problem("a", "two labels become one")])

    def run() -> None:
        with job(tmp_path / "out", FACTS) as output:
            output.add(ROW, 0, 3)
            output.finish_as(refuse)

    with pytest.raises(JobError, match=r"two labels become one(.|\n)*safe in .*out\.partial"):
        run()
    assert names(tmp_path) == ["out.partial", "out.progress"]


def test_another_form_is_made_at_the_end(tmp_path: Path) -> None:
    def convert(records: Any, stream: IO[bytes]) -> None:
        stream.writelines(record["id"].encode() for _ in range(2) for record in records())

    with job(tmp_path / "out.csv", FACTS) as output:
        output.add(ROW, 0, 0)
        output.finish(convert)
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "éé"
    assert names(tmp_path) == ["out.csv"]


def test_an_interrupted_job_goes_on_after_what_is_safe(tmp_path: Path) -> None:
    interrupted(tmp_path / "out", 9, begun=5)
    assert names(tmp_path) == ["out.partial", "out.progress"]
    interrupted(tmp_path / "out", 0, resume=True)
    with job(tmp_path / "out", FACTS, resume=True) as output:
        assert output.counts == JobCounts(5, 10, 0, 15, 65)
        output.add('{"id": "last"}\n', 0, 0)
        output.finish()
    assert (tmp_path / "out").read_text(encoding="utf-8") == 5 * ROW + '{"id": "last"}\n'
    assert names(tmp_path) == ["out"]


def test_an_interrupted_job_is_not_written_over(tmp_path: Path) -> None:
    interrupted(tmp_path / "out", 9)
    partial, _ = job_files(tmp_path / "out")
    before = partial.read_bytes()
    with pytest.raises(ConfigError, match=r"out\.partial: .*; add --resume to go on with that job, or delete both"):
        finished(tmp_path / "out")
    assert partial.read_bytes() == before
    finished(tmp_path / "out", 12, resume=True)
    assert (tmp_path / "out").read_text(encoding="utf-8") == 12 * ROW


def test_with_nothing_to_resume_a_job_begins(tmp_path: Path) -> None:
    assert finished(tmp_path / "out", resume=True).counts.reports == 3
    (tmp_path / "out.progress").write_text("left by a process killed when all was done")
    assert finished(tmp_path / "out").counts.reports == 3
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({**FACTS, "column": "body"}, "column: was 'text' and is now 'body'"),
        ({**FACTS, "rows": "mentions"}, "rows: was None and is now 'mentions'"),
        ({**FACTS, "inputs": [["a.csv", 11, 1], ["b.csv", 10, 1]]}, "a.csv: has changed since"),
        ({**FACTS, "inputs": [["a.csv", 10, 2], ["b.csv", 10, 1]]}, "a.csv: has changed since"),
        ({**FACTS, "inputs": [["a.csv", 10, 1]]}, "b.csv: is not named now"),
        ({**FACTS, "inputs": [*FACTS["inputs"], ["c.csv", 1, 1]]}, "c.csv: is new"),
        ({**FACTS, "inputs": FACTS["inputs"][::-1]}, "the inputs: are in another order"),
    ],
)
def test_another_job_does_not_go_on_with_it(tmp_path: Path, facts: Any, message: str) -> None:
    interrupted(tmp_path / "out", 9)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    with pytest.raises(ConfigError, match=message), job(tmp_path / "out", facts, resume=True):
        pass
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


def test_a_line_of_progress_that_power_loss_broke_off_does_not_count(tmp_path: Path) -> None:
    interrupted(tmp_path / "out", 9)
    progress = tmp_path / "out.progress"
    whole = progress.read_bytes().splitlines(keepends=True)
    for torn in (b"".join(whole[:-1]) + whole[-1][:-3], b"".join(whole[:-1]) + b"\0\0\0\0\n"):
        progress.write_bytes(torn)
        with suppress(KeyboardInterrupt), job(tmp_path / "out", FACTS, resume=True) as output:
            assert output.counts.reports == 7
            raise KeyboardInterrupt
    interrupted(tmp_path / "out", 4, resume=True)
    with suppress(KeyboardInterrupt), job(tmp_path / "out", FACTS, resume=True) as output:
        assert output.counts.reports == 10  # what was written after the torn line counts
        raise KeyboardInterrupt
    finished(tmp_path / "out", 20, resume=True)
    assert (tmp_path / "out").read_text(encoding="utf-8") == 20 * ROW


def test_files_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    interrupted(tmp_path / "out", 9)
    partial, progress = job_files(tmp_path / "out")
    os.truncate(partial, 5)
    with pytest.raises(ConfigError, match=r"delete out\.partial and out\.progress"):
        finished(tmp_path / "out", resume=True)
    progress.unlink()
    for resume in (False, True):
        with pytest.raises(ConfigError, match=r"out\.partial: is in the way"):
            finished(tmp_path / "out", resume=resume)
    assert names(tmp_path) == ["out.partial"]


def test_a_second_process_keeps_off(tmp_path: Path) -> None:
    with job(tmp_path / "out", FACTS) as output:
        output.add(ROW, 0, 0)
        for resume in (False, True):
            with pytest.raises(ConfigError, match="another process is writing it"):
                finished(tmp_path / "out", resume=resume)
        output.finish()
    assert (tmp_path / "out").read_text(encoding="utf-8") == ROW


def test_what_has_nothing_to_go_on_with_leaves_nothing(tmp_path: Path) -> None:
    interrupted(tmp_path / "out", 0)
    assert names(tmp_path) == []
    with suppress(KeyboardInterrupt), job(tmp_path / "out", FACTS, keep_partial=False, every=0.0) as output:
        output.add(ROW, 0, 0)
        output.save_if_due()
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_an_output_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for target, kind in ((tmp_path, IsADirectoryError), (tmp_path / "no" / "out", FileNotFoundError)):
        with pytest.raises(kind) as error:
            finished(target)
        assert error.value.filename == str(target)
    assert names(tmp_path) == []


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file of this process grows over 4 KiB: writing fails as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_and_costs_nothing_that_is_safe(tmp_path: Path, small_disk: None) -> None:
    with pytest.raises(JobError, match=r"out\.partial: .*; reports that are safe in it: \d+; .* --resume goes on"):
        finished(tmp_path / "out", 1000)
    assert names(tmp_path) == ["out.partial", "out.progress"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    with job(tmp_path / "out", FACTS, resume=True) as output:
        assert 20 < output.counts.reports < 4096 / len(ROW)
        output.finish()
    assert (tmp_path / "out").read_text(encoding="utf-8") == output.counts.reports * ROW


def test_a_disk_that_is_full_at_the_end_keeps_all(tmp_path: Path) -> None:
    def convert(records: Any, stream: IO[bytes]) -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(JobError, match="No space left on device; reports that are safe in it: 1;"):
        finished(tmp_path / "a", 1, convert=convert)
    assert names(tmp_path) == ["a.partial", "a.progress"]
    assert finished(tmp_path / "a", 1, resume=True).counts.reports == 1


def test_a_disk_that_is_full_at_once_leaves_nothing(tmp_path: Path) -> None:
    code = """if True:
        import resource, sys
        from pathlib import Path
        from conflict_ner.inference.files.resumable_job import job
        with job(Path(sys.argv[1]), {"inputs": []}) as made:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
            made.add("x" * 100, 0, 0)
            made.finish()
    """
    process = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "out"], capture_output=True, text=True, check=False
    )
    assert "JobError" in process.stderr
    assert "--resume" not in process.stderr
    assert names(tmp_path) == []


def test_a_file_is_known_by_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("text\n")
    facts = facts_of([file, tmp_path / "none"], column="text")
    assert job_differences(facts, facts_of([file, tmp_path / "none"], column="text")) == []
    assert facts["inputs"][1] == [str(tmp_path / "none"), None, None]
    os.utime(file, ns=(1, 1))
    assert [p.where for p in job_differences(facts, facts_of([file, tmp_path / "none"], column="text"))] == [str(file)]


def test_of_many_differences_the_first_are_said() -> None:
    then = {"inputs": [[f"{n}.txt", 1, 1] for n in range(1000)]}
    problems = job_differences(then, {"inputs": []})
    assert [problem.where for problem in problems] == [f"{n}.txt" for n in range(10)]
