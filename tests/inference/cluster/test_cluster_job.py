"""The job of many workers: the rows of one process, nothing lost or doubled, whatever stops it."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conflict_ner.errors import JobError
from conflict_ner.files import lock_output
from conflict_ner.inference import predictor
from conflict_ner.inference.cluster import parts, ray_pipeline, storage
from conflict_ner.inference.cluster.parts import Message
from conflict_ner.inference.cluster.storage import PartFolder
from conflict_ner.inference.tagger import Tagger
from fsspec.implementations.memory import MemoryFileSystem
from helpers.archives import write
from helpers.cluster import no_ray, run_here
from helpers.command import conflict_ner
from helpers.encoders import SENTENCES

__all__ = ["no_ray"]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def small_parts(no_ray: None, tagger: Tagger, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of four reports, in groups of one file; the model is loaded once for all tests here."""
    monkeypatch.setattr(parts, "PART_REPORTS", 4)
    monkeypatch.setattr(parts, "_GROUP_FILES", 1)
    monkeypatch.setattr(predictor, "CHUNK", 4)
    monkeypatch.setattr(Tagger, "load", lambda *_: tagger)


@pytest.fixture
def archive(tmp_path: Path) -> list[Path]:
    """33 reports in three forms, three of which cannot be read, and two with one id."""
    rows: list[dict[str, Any]] = [{"id": f"r{n}", "text": SENTENCES[n % len(SENTENCES)], "year": n} for n in range(11)]
    folder = tmp_path / "in"
    folder.mkdir()
    table = pa.Table.from_pylist([*rows, {"id": "null", "text": None, "year": 1}])
    pq.write_table(table, folder / "a.parquet")
    with (folder / "b.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["id", "text", "place"])
        writer.writeheader()
        writer.writerows({"id": f"b{row['id']}", "text": row["text"], "place": "Goma"} for row in rows[:-1])
        writer.writerow({"id": "r0", "text": "Goma.", "place": "Goma"})
    lines = [json.dumps({**row, "id": f"c{row['id']}"}) for row in rows]
    return [folder / "a.parquet", folder / "b.csv", write(folder / "c.jsonl", "\n".join([*lines, "{broken", "[]"]))]


def tag(capsys: Captured, checkpoint: Path, files: list[Path], out: Path, *options: str) -> tuple[int, str]:
    code, printed, err = conflict_ner(capsys, "tag", checkpoint, *files, "-o", out, "--device", "cpu", *options)
    assert printed == ""
    return code, err


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("out.jsonl", ()),
        ("out.csv", ("--values", "--unique-ids")),
        ("out.parquet", ("--rows", "reports")),
        ("out.jsonl", ("--rows", "incidents")),
    ],
)
def test_it_writes_the_bytes_of_the_plain_command(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured, name: str, options: tuple[str, ...]
) -> None:
    (tmp_path / "plain").mkdir()
    plain, cluster = tmp_path / "plain" / name, tmp_path / name
    code, err = tag(capsys, checkpoint_folder, archive, plain, *options)
    assert (code, "tagged 33 reports" in err) == (1, True)
    assert tag(capsys, checkpoint_folder, archive, cluster, *options, "--ray", "local")[0] == 1
    assert cluster.read_bytes() == plain.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["in", "plain", name])


def test_inputs_and_output_at_addresses(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag(capsys, checkpoint_folder, archive, tmp_path / "plain.csv")
    store: MemoryFileSystem = fsspec.filesystem("memory")
    store.store.clear()
    for file in archive:
        store.pipe_file(f"/bucket/{file.name}", file.read_bytes())
    job = ["tag", str(checkpoint_folder), "memory://bucket", "-o", "memory://bucket/out.csv", "--ray", "local"]
    stop_after(5, JobError("Ray has given up"), monkeypatch)
    code, _, err = conflict_ner(capsys, *job)
    assert (code, "parts that are safe in memory://bucket/out.csv.parts: 4" in err) == (3, True)
    monkeypatch.setattr(ray_pipeline, "run", run_here)
    code, _, err = conflict_ner(capsys, *job, "--resume")  # parts among the inputs are no reports
    assert (code, "15 of them before the interruption" in err) == (1, True)
    assert store.cat_file("/bucket/out.csv") == (tmp_path / "plain.csv").read_bytes()
    assert store.find("/bucket") == [f"/bucket/{name}" for name in ("a.parquet", "b.csv", "c.jsonl", "out.csv")]
    code, _, err = conflict_ner(capsys, *job)
    assert (code, "is in a folder that is tagged" in " ".join(err.replace("\u2502", " ").split())) == (2, True)


def test_it_says_what_the_plain_command_says(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured
) -> None:
    write(tmp_path / "in" / ".hidden.txt", "Goma.")
    folder = [tmp_path / "in"]
    said = [
        tag(capsys, checkpoint_folder, folder, tmp_path / "out.csv", *options)[1].splitlines()
        for options in ((), ("--ray", "local"))
    ]
    plain, cluster = ([re.sub(r"; [\d.]+ s .*", "", line) for line in lines] for lines in said)
    assert cluster == plain
    assert [line.partition(":")[0] for line in plain] == ["error"] * 3 + ["tagged 33 reports", "note", "warning"]


def stop_after(count: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cluster fail after this many parts."""

    def run(*arguments: Any, **options: Any) -> Iterator[Message]:
        yield from islice(run_here(*arguments, **options), count)
        raise error

    monkeypatch.setattr(ray_pipeline, "run", run)


def test_an_interrupted_job_goes_on_where_it_was(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag(capsys, checkpoint_folder, archive, tmp_path / "plain.csv")
    out = tmp_path / "out.csv"
    stop_after(5, KeyboardInterrupt(), monkeypatch)
    code, err = tag(capsys, checkpoint_folder, archive, out, "--ray", "local")
    assert (code, out.exists()) == (130, False)
    assert err.endswith(f"interrupted; parts that are safe in {out}.parts: 4; the same command with --resume goes on\n")
    monkeypatch.setattr(ray_pipeline, "run", run_here)
    code, err = tag(capsys, checkpoint_folder, archive, out, "--ray", "local")
    assert code == 2
    assert "out.csv.parts: an interrupted job has left it; add --resume" in err
    code, err = tag(capsys, checkpoint_folder, archive, out, "--ray", "local", "--resume", "--unique-ids")
    assert "unique_ids: was False and is now True" in err
    tagged: list[str] = []
    write_part = PartFolder.write

    def write_and_note(folder: PartFolder, name: str, raw: bytes) -> None:
        tagged.append(name)
        write_part(folder, name, raw)

    monkeypatch.setattr(PartFolder, "write", write_and_note)
    code, err = tag(capsys, checkpoint_folder, archive, out, "--ray", "local", "--resume")
    assert code == 1  # of the broken rows, which are counted as in an undisturbed job
    assert "tagged 33 reports" in err
    assert "15 of them before the interruption; 3 inputs or rows left out" in err
    assert tagged == ["000001-000001.jsonl", "000001-000002.jsonl", *(f"000002-00000{n}.jsonl" for n in range(3))]
    assert out.read_bytes() == (tmp_path / "plain.csv").read_bytes()
    assert not Path(f"{out}.parts").exists()


def test_a_job_that_has_done_nothing_leaves_nothing(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(0, JobError("Ray has given up"), monkeypatch)
    code, err = tag(capsys, checkpoint_folder, archive, tmp_path / "out.csv", "--ray", "local")
    assert (code, err.splitlines()[-1]) == (3, "error: Ray has given up")
    assert [file.name for file in tmp_path.iterdir()] == ["in"]


def test_a_full_disk_of_a_worker_stops_the_job_and_loses_nothing(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_part = PartFolder.write

    def write_some(folder: PartFolder, name: str, raw: bytes) -> None:
        if name == "000001-000000.jsonl":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_part(folder, name, raw)

    monkeypatch.setattr(PartFolder, "write", write_some)
    code, err = tag(capsys, checkpoint_folder, archive, tmp_path / "out.csv", "--ray", "local")
    assert code == 3
    assert "No space left on device; parts that are safe in " in err
    monkeypatch.setattr(PartFolder, "write", write_part)
    assert tag(capsys, checkpoint_folder, archive, tmp_path / "out.csv", "--ray", "local", "--resume")[0] == 1


def test_a_full_disk_at_the_end_keeps_the_parts(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        patch.setattr(PartFolder, "write", lambda self, name, raw: (Path(self.place) / name).write_bytes(raw))
        code, err = tag(capsys, checkpoint_folder, archive, tmp_path / "out.csv", "--ray", "local")
    assert (code, "out.csv: No space left on device; parts that are safe in" in err) == (3, True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in", "out.csv.parts"]
    assert tag(capsys, checkpoint_folder, archive, tmp_path / "out.csv", "--ray", "local", "--resume")[0] == 1


def test_parts_that_only_the_worker_sees_are_an_error(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PartFolder, "write", lambda *_: None)
    code, err = tag(capsys, checkpoint_folder, archive, tmp_path / "out.csv", "--ray", "local")
    assert code == 3
    assert "is not there on this one; write to a disk that all machines share" in err


def test_a_lost_part_is_an_error_and_not_a_shorter_output(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: Any, **options: Any) -> Iterator[Message]:
        return (message for message in run_here(*arguments, **options) if message.name != "000001-000001.jsonl")

    monkeypatch.setattr(ray_pipeline, "run", run)
    code, err = tag(capsys, checkpoint_folder, archive, tmp_path / "out.csv", "--ray", "local")
    assert (code, "1 part missing, such as 000001-000001.jsonl" in err) == (3, True)


def test_a_worker_with_another_model_or_version_is_refused(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_package_version", lambda: "9.9")  # of the workers; the job's own is bound already
    code, err = tag(capsys, checkpoint_folder, archive, tmp_path / "out.csv", "--ray", "local")
    assert code == 3
    assert "conflict-ner 9.9, and the job was started with" in err
    assert [file.name for file in tmp_path.iterdir()] == ["in"]


def test_an_input_that_a_worker_does_not_see_is_a_problem(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_input = storage.open_input

    def not_there(path: str) -> Any:
        if path.endswith("b.csv"):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return open_input(path)

    monkeypatch.setattr(parts, "open_input", not_there)
    code, err = tag(capsys, checkpoint_folder, archive, tmp_path / "out.csv", "--ray", "local")
    assert code == 1
    assert "No such file or directory; every machine must see it under this path" in err
    assert "tagged 22 reports" in err


def test_a_wrong_column_is_known_before_there_is_a_cluster(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pipeline, "connect", lambda address: pytest.fail("connected"))
    code, err = tag(capsys, checkpoint_folder, archive[:2], tmp_path / "out.csv", "--ray", "local", "--column", "body")
    assert code == 1
    assert "no column 'body'" in err
    assert err.endswith("nothing is tagged: no report could be read\n")


def test_two_jobs_do_not_write_one_output(
    tmp_path: Path, archive: list[Path], checkpoint_folder: Path, capsys: Captured
) -> None:
    folder = tmp_path / "out.csv.parts"
    folder.mkdir()
    with (folder / ".lock").open("ab") as stream:
        lock_output(stream, folder)
        code, err = tag(capsys, checkpoint_folder, archive, tmp_path / "out.csv", "--ray", "local")
    assert (code, "another process is writing it" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ray", "local"], "--ray needs an --output of .jsonl, .csv or .parquet"),
        (["--ray", "local", "-o", "out.xlsx"], "--ray needs an --output of .jsonl, .csv or .parquet"),
        (["--ray", "local", "-o", "o.csv", "--html", "p.html"], "and does not go with --html"),
        (["--ray", "local", "-o", "out.csv", "-"], "--ray reads files, not standard input"),
        (["--workers", "2"], "--workers and --cores go with --ray"),
        (["s3://bucket/a.csv"], "s3://bucket/a.csv: addresses are read and written with --ray"),
        (["-o", "s3://bucket/a.csv"], "addresses are read and written with --ray"),
    ],
)
def test_what_a_cluster_does_not_do_is_refused(
    tmp_path: Path, checkpoint_folder: Path, capsys: Captured, arguments: list[str], message: str
) -> None:
    file = write(tmp_path / "r.txt", "Goma.")
    code, _, err = conflict_ner(capsys, "tag", checkpoint_folder, file, *arguments)
    assert code == 2
    assert message in " ".join(err.replace("\u2502", " ").split())


def test_an_address_in_place_of_the_checkpoint_is_explained(capsys: Captured) -> None:
    code, _, err = conflict_ner(
        capsys, "tag", "s3://bucket/a.csv", "s3://bucket/b.csv", "-o", "o.csv", "--ray", "local"
    )
    assert code == 2
    assert "name a checkpoint before the addresses" in " ".join(err.replace("\u2502", " ").split())
