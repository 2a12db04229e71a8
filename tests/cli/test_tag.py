"""The command `tag`: inputs, outputs, messages, and what it refuses."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conflict_ner.inference import predictor
from conflict_ner.inference.decoding import spans
from conflict_ner.inference.files import resumable_job
from conflict_ner.inference.tagger import Tagger
from helpers.archives import standard_input, write
from helpers.command import conflict_ner
from helpers.encoders import SENTENCES

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def loaded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint is loaded once for all tests here."""
    tagger = request.getfixturevalue("tagger")
    monkeypatch.setattr(Tagger, "load", lambda *_: tagger)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Reports in columns with other names, one without a text, one without a mention."""
    rows = [{"doc": f"d{n}", "body": text, "year": 2000 + n} for n, text in enumerate(SENTENCES[:3])]
    rows += [{"doc": "null", "body": None, "year": 1}, {"doc": "empty", "body": "", "year": 2}]
    file = tmp_path / "in" / "r.parquet"
    file.parent.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


def unboxed(err: str) -> str:
    """Return a message without the box that rich draws around it."""
    return " ".join(err.replace("\u2502", " ").split())


NAMED = ("--column", "body", "--id-column", "doc")


def test_a_table_becomes_a_table_of_mentions(
    tmp_path: Path, checkpoint_folder: Path, table: Path, tagger: Tagger, capsys: Captured
) -> None:
    expected = [
        (f"d{n}", 2000 + n, e.label, e.text, e.start) for n, s in enumerate(SENTENCES[:3]) for e in tagger.tag(s)
    ]
    out = tmp_path / "out.parquet"
    code, printed, err = conflict_ner(capsys, "tag", checkpoint_folder, table, *NAMED, "-o", out)
    assert (code, printed) == (1, "")
    rows = pq.read_table(out).to_pylist()
    assert [(r["id"], r["year"], r["label"], r["text"], r["start"]) for r in rows] == expected
    assert f"{table}:4: no string under 'body' but null (id 'null')" in err
    summary = err.splitlines()[-1]
    mentions = len(expected)
    assert summary.startswith(f"tagged 4 reports: {mentions} mentions, 1 report without one; 1 input or row left out; ")
    out = tmp_path / "out.csv"
    assert conflict_ner(capsys, "tag", checkpoint_folder, table, *NAMED, "-o", out)[0] == 1
    with out.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [(r["id"], int(r["year"]), r["label"], r["text"], int(r["start"])) for r in lines] == expected
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in", "out.csv", "out.parquet"]


def test_rows_are_chosen(tmp_path: Path, checkpoint_folder: Path, table: Path, capsys: Captured) -> None:
    out = tmp_path / "out.parquet"
    conflict_ner(capsys, "tag", checkpoint_folder, table, *NAMED, "-o", out, "--rows", "reports")
    assert pq.read_table(out).column("text").to_pylist() == [*SENTENCES[:3], ""]
    _, lines, _ = conflict_ner(capsys, "tag", checkpoint_folder, table, *NAMED, "--rows", "mentions")
    rows = [json.loads(line) for line in lines.splitlines()]
    assert list(rows[0]) == ["id", "label", "text", "start", "end", "score", "year"]
    _, lines, _ = conflict_ner(capsys, "tag", checkpoint_folder, table, *NAMED)
    assert [json.loads(line)["id"] for line in lines.splitlines()] == ["d0", "d1", "d2", "empty"]


def test_standard_input_can_be_csv(
    tmp_path: Path, checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for out in (tmp_path / "out.csv", None):
        standard_input(monkeypatch, b"id,text\n1,Police left Goma.\n")
        arguments = ("--stdin", "csv", *(("-o", out) if out else ()))
        code, lines, _ = conflict_ner(capsys, "tag", checkpoint_folder, "-", *arguments)
        assert code == 0
    assert json.loads(lines)["id"] == "1"
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").startswith('"id","label"')


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stdin", "parquet"], "--stdin is one of txt, jsonl, csv, tsv"),
        (["--rows", "words"], "--rows is one of reports, mentions"),
        (["--precision", "int8"], "--precision is one of auto, fp32, bf16"),
        (["-o", "out.csv.gz"], "write a file of .jsonl, .csv, .xlsx or .parquet"),
        (["-o", "out.xls"], "out.xls: this ending is not written; write a file of .jsonl, .csv, .xlsx or .parquet"),
        (["-o", ".json"], "this ending is not written"),
        (["-o", "out.xlsx", "--bom"], "--bom and --output-delimiter are for an --output of .csv"),
        (["--output-delimiter", ";"], "--bom and --output-delimiter are for an --output of .csv"),
        (["-o", "out.csv", "--output-delimiter", "::"], "--output-delimiter is one character"),
        (["-o", "out."], "this ending is not written"),
        (["-o", "-", "--html", "/dev/stdout"], "are one file"),
        (["--resume", "-o", "out.csv", "/dev/stdin"], "--resume needs a file"),
        (["--resume"], "--resume needs a file as --output"),
        (["--resume", "-o", "out.csv", "--html", "page.html"], "--resume needs a file"),
        (["--resume", "-o", "/dev/null"], "--resume needs a file"),
        (["--resume", "-o", "out.csv", "-"], "--resume needs a file"),
        (["--threshold", "ACTOR=0.5", "--threshold", "ACTOR=0.6"], "ACTOR has one already"),
        (["--to", "labelbox", "-o", "out"], "no such annotation tool; name inception, brat,"),
        (["--to", "doccano"], "--to needs a file or a folder as --output"),
        (["--to", "doccano", "-o", "-"], "--to needs a file or a folder as --output"),
        (["--to", "doccano", "-o", "out.csv"], "doccano JSONL has another ending"),
        (["--to", "doccano", "-o", "out", "--values"], "--values is not for annotation tools"),
    ],
)
def test_options_that_cannot_be_are_refused_before_any_work(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    checkpoint_folder: Path,
    table: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = conflict_ner(capsys, "tag", checkpoint_folder, table, *arguments)
    assert (code, out) == (2, "")
    assert message in unboxed(err)
    assert [file.name for file in tmp_path.iterdir()] == ["in"]


def test_an_earlier_output_is_not_tagged_as_if_it_were_reports(
    tmp_path: Path, checkpoint_folder: Path, capsys: Captured
) -> None:
    write(tmp_path / "a.txt", "Police left Goma.")
    out = tmp_path / "out.jsonl"
    assert conflict_ner(capsys, "tag", checkpoint_folder, tmp_path, "-o", out)[0] == 0
    before = out.read_bytes()
    code, _, err = conflict_ner(capsys, "tag", checkpoint_folder, tmp_path, "-o", out)
    assert (code, out.read_bytes()) == (2, before)
    assert "in a folder that is tagged" in unboxed(err)


@pytest.mark.parametrize("option", ["--output", "--html"])
def test_an_input_is_not_replaced(option: str, tmp_path: Path, checkpoint_folder: Path, capsys: Captured) -> None:
    table = write(tmp_path / "r.csv", "id,text\n1,Police left Goma.\n")
    (tmp_path / "link.csv").symlink_to(table)
    code, _, err = conflict_ner(capsys, "tag", checkpoint_folder, table, option, tmp_path / "link.csv")
    assert (code, table.read_text()) == (2, "id,text\n1,Police left Goma.\n")
    assert "is one of the files that are tagged; write it elsewhere" in unboxed(err)  # a long path is broken


def test_what_european_excel_saves_and_opens(tmp_path: Path, checkpoint_folder: Path, capsys: Captured) -> None:
    file = write(tmp_path / "r.csv", "Nr;Bericht\r\n7;Police left Goma – São João.\r\n".encode("cp1252"))  # noqa: RUF001
    out = tmp_path / "out.csv"
    command = ("tag", checkpoint_folder, file, "--column", "Bericht", "--id-column", "Nr")
    code, printed, err = conflict_ner(capsys, *command, "-o", out, "--bom", "--output-delimiter", ";")
    assert (code, printed) == (0, "")
    assert err.splitlines()[:2] == [
        f"note: {file}: is not UTF-8 and is read as cp1252; give --encoding if that is wrong",
        f"note: {file}: fields are separated by ';'",
    ]
    assert out.read_text(encoding="utf-8").startswith('\ufeff"id";"label"')
    assert conflict_ner(capsys, *command, "-o", tmp_path / "out.xlsx", "--rows", "reports")[0] == 0
    code, printed, _ = conflict_ner(capsys, "tag", checkpoint_folder, tmp_path / "out.xlsx", "--sheet", "reports")
    assert (code, json.loads(printed)["text"]) == (0, "Police left Goma – São João.")  # noqa: RUF001


def test_a_page_and_a_table_in_one_go(tmp_path: Path, checkpoint_folder: Path, table: Path, capsys: Captured) -> None:
    page, out = tmp_path / "page.html", tmp_path / "out.csv"
    assert conflict_ner(capsys, "tag", checkpoint_folder, table, *NAMED, "-o", out, "--html", page)[0] == 1
    assert "drone strike" in page.read_text(encoding="utf-8")
    assert "drone strike" in out.read_text(encoding="utf-8")


def test_a_project_of_an_annotation_tool_is_ready_in_one_command(
    tmp_path: Path, checkpoint_folder: Path, table: Path, tagger: Tagger, capsys: Captured
) -> None:
    out = tmp_path / "sudan"
    code, printed, err = conflict_ner(
        capsys, "tag", checkpoint_folder, table, *NAMED, "--to", "label-studio", "-o", out
    )
    assert (code, printed) == (1, "")
    assert f"for Label Studio JSON: {out / 'reports.json'}, {out / 'label-studio-config.xml'}\n" in err
    tasks = json.loads((out / "reports.json").read_text(encoding="utf-8"))
    assert [task["data"]["id"] for task in tasks] == ["d0", "d1", "d2", "empty"]
    (prediction,) = tasks[0]["predictions"]
    assert prediction["model_version"] == f"{checkpoint_folder.name}-{tagger.checkpoint.weights_sha256[:8]}"
    values = [result["value"] for result in prediction["result"]]
    expected = [(each.start, each.end, each.text, [each.label]) for each in tagger.tag(SENTENCES[0])]
    assert [(each["start"], each["end"], each["text"], each["labels"]) for each in values] == expected
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in", "sudan"]
    code, _, err = conflict_ner(capsys, "tag", checkpoint_folder, table, *NAMED, "--to", "brat", "-o", out)
    assert (code, "sudan: exists and is not an empty folder" in err) == (3, True)
    page = tmp_path / "page.html"
    lines = tmp_path / "p.jsonl"
    conflict_ner(capsys, "tag", checkpoint_folder, table, *NAMED, "--to", "prodigy", "-o", lines, "--html", page)
    assert len(lines.read_text(encoding="utf-8").splitlines()) == 4
    assert page.exists()


def test_an_interrupted_command_says_how_to_continue_and_continues(
    tmp_path: Path, checkpoint_folder: Path, tagger: Tagger, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable_job, "EVERY", 0.0)
    monkeypatch.setattr(predictor, "CHUNK", 4)
    rows = [{"id": n, "text": SENTENCES[n % 5]} for n in range(40)]
    file = write(tmp_path / "r.jsonl", "{\n" + "".join(json.dumps(row) + "\n" for row in rows))
    command: tuple[Any, ...] = ("tag", checkpoint_folder, file, "-o", tmp_path / "out.csv")
    assert conflict_ner(capsys, *command)[0] == 1
    undisturbed = (tmp_path / "out.csv").read_bytes()
    (tmp_path / "out.csv").unlink()
    with monkeypatch.context() as patch:
        calls = iter(range(100))

        def decode(*arguments: Any) -> Any:
            if next(calls) == 5:
                raise KeyboardInterrupt
            return original(*arguments)

        original = spans.decode
        patch.setattr(predictor, "decode", decode)
        code, _, err = conflict_ner(capsys, *command)
    assert code == 130
    assert "reports that are safe: 16; the same command with --resume goes on" in err
    code, _, err = conflict_ner(capsys, *command)
    assert code == 2
    assert "add --resume to go on with that job, or delete both" in err
    code, _, err = conflict_ner(capsys, *command, "--resume", "--column", "body")
    assert code == 2
    assert "column: was 'text' and is now 'body'" in err
    code, _, err = conflict_ner(capsys, *command, "--resume")
    assert code == 1  # of the broken line, which is counted as in an undisturbed job
    assert "tagged 40 reports" in err
    assert "16 of them before the interruption; 1 input or row left out" in err
    assert (tmp_path / "out.csv").read_bytes() == undisturbed


def test_a_killed_command_is_resumed(
    tmp_path: Path, checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": n, "text": " ".join(SENTENCES) * (1 + n % 3)} for n in range(200)]
    file = write(tmp_path / "r.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    code = """if True:
        import sys, torch
        from conflict_ner.cli import main
        from conflict_ner.inference import predictor
        from conflict_ner.inference.files import resumable_job
        torch.set_num_threads(1)
        resumable_job.EVERY, predictor.CHUNK = 0.0, 8
        sys.argv = ["conflict-ner", *sys.argv[1:]]
        main.main()
    """
    out, progress = tmp_path / "out.parquet", tmp_path / "out.parquet.progress"
    command = ("tag", checkpoint_folder, file, "-o", out, "--device", "cpu", "--precision", "fp32")
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, command)], env={**os.environ})
    while process.poll() is None:
        with suppress(FileNotFoundError):
            if len(progress.read_bytes().splitlines()) > 5:
                process.kill()
                break
        time.sleep(0.001)
    assert process.wait() == -signal.SIGKILL
    monkeypatch.setattr(predictor, "CHUNK", 8)
    code_, _, err = conflict_ner(capsys, *command, "--resume")
    assert code_ == 0
    assert "before the interruption" in err
    resumed = pq.read_table(out)
    assert conflict_ner(capsys, *command)[0] == 0
    assert resumed.equals(pq.read_table(out))
    assert len(set(resumed.column("id").to_pylist())) == 200


class Terminal(io.StringIO):
    """Standard error on a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_progress_and_a_file_does_not(
    tmp_path: Path, checkpoint_folder: Path, table: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream, lines in ((Terminal(), None), (io.StringIO(), 2)):
        monkeypatch.setattr(sys, "stderr", stream)
        conflict_ner(capsys, "tag", checkpoint_folder, table, *NAMED, "-o", tmp_path / "out.csv")
        if lines:
            assert len(stream.getvalue().splitlines()) == lines
        else:
            assert "tagging" in stream.getvalue()


class TestNothingIsReplaced:
    """An existing output is not changed unless a report could be read."""

    @pytest.fixture(autouse=True)
    def not_loaded(self, loaded: None, monkeypatch: pytest.MonkeyPatch) -> None:
        def load(*_: object) -> None:
            raise AssertionError("the model is loaded")

        monkeypatch.setattr(Tagger, "load", load)

    @pytest.mark.parametrize("out", ["good.jsonl", "good.csv", "good.parquet", "page.html"])
    @pytest.mark.parametrize("arguments", [("--column", "nope"), ("--column", "body", "--id-column", "nope")])
    def test_where_no_column_has_the_name(
        self,
        out: str,
        arguments: tuple[str, ...],
        tmp_path: Path,
        checkpoint_folder: Path,
        table: Path,
        capsys: Captured,
    ) -> None:
        output = write(tmp_path / out, "good")
        packed = write(tmp_path / "in" / "r.csv.gz", gzip.compress(b"doc,body\n1,Goma\n"))
        option = "--html" if out == "page.html" else "-o"
        command = ("tag", checkpoint_folder, table, packed, *arguments, option, output)
        code, printed, err = conflict_ner(capsys, *command)
        assert (code, printed) == (1, "")
        assert err.count("no column 'nope'") == 2
        assert f"no report could be read; {output} is as it was" in err
        assert output.read_text(encoding="utf-8") == "good"
        assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["in", out])

    def test_where_standard_input_has_another_column(
        self, tmp_path: Path, checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        standard_input(monkeypatch, b"id,body\n1,Police left Goma.\n")
        out = write(tmp_path / "out.csv", "good")
        assert conflict_ner(capsys, "tag", checkpoint_folder, "-", "--stdin", "csv", "-o", out)[0] == 1
        assert out.read_text(encoding="utf-8") == "good"

    @pytest.mark.parametrize("out", ["no/out.jsonl", ""])
    def test_where_the_output_cannot_be_written(
        self, out: str, tmp_path: Path, checkpoint_folder: Path, table: Path, capsys: Captured
    ) -> None:
        for option in ("-o", "--html"):
            assert conflict_ner(capsys, "tag", checkpoint_folder, table, *NAMED, option, tmp_path / out)[0] == 3

    def test_where_an_interrupted_job_has_left_something(
        self, tmp_path: Path, checkpoint_folder: Path, table: Path, capsys: Captured
    ) -> None:
        write(tmp_path / "out.csv.partial", "")
        write(tmp_path / "out.csv.progress", "")
        code, _, err = conflict_ner(capsys, "tag", checkpoint_folder, table, *NAMED, "-o", tmp_path / "out.csv")
        assert (code, "an interrupted job has left it" in err) == (2, True)


def test_one_report_that_can_be_read_is_enough(
    tmp_path: Path, checkpoint_folder: Path, table: Path, capsys: Captured
) -> None:
    out = write(tmp_path / "out.csv", "old")
    other = write(tmp_path / "in" / "other.csv", "id,text\n1,Goma\n")
    code, _, err = conflict_ner(capsys, "tag", checkpoint_folder, other, table, *NAMED, "-o", out)
    assert (code, "other.csv: no column 'body'" in err) == (1, True)
    assert "drone strike" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["empty.csv", "empty.jsonl"])
def test_a_table_without_rows_gives_one_without_rows(
    name: str, tmp_path: Path, checkpoint_folder: Path, capsys: Captured
) -> None:
    out = write(tmp_path / "out.csv", "old")
    empty = write(tmp_path / name, "id,text\n" if name == "empty.csv" else "")
    code, _, err = conflict_ner(capsys, "tag", checkpoint_folder, empty, "-o", out)
    assert (code, err.startswith("tagged 0 reports")) == (0, True)
    assert out.read_text(encoding="utf-8") == '"id","label","text","start","end","score"\n'


@pytest.mark.parametrize("option", [("-o", "-"), ("-o", "/dev/stdout"), ()])
def test_standard_output_is_a_name_for_itself(
    option: tuple[str, ...], tmp_path: Path, checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path / "a.txt", "Police left Goma.")
    code, lines, _ = conflict_ner(capsys, "tag", checkpoint_folder, file, *option)
    assert (code, json.loads(lines)["text"]) == (0, "Police left Goma.")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", ["a.txt", "-"])
def test_without_a_checkpoint_the_model_of_the_package_tags(
    name: str, tmp_path: Path, checkpoint_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.txt", SENTENCES[0])
    lines = []
    for checkpoint in ([checkpoint_folder], []):
        standard_input(monkeypatch, SENTENCES[0].encode())
        code, out, err = conflict_ner(capsys, "tag", *checkpoint, name)
        assert (code, "note: no checkpoint is named" in err) == (0, not checkpoint)
        lines.append(out)
        monkeypatch.setattr("conflict_ner.checkpoint.SHIPPED_MODEL", checkpoint_folder)
    assert lines[0] == lines[1] != ""


def test_a_mistyped_checkpoint_does_not_become_a_report(tmp_path: Path, capsys: Captured) -> None:
    code, out, err = conflict_ner(capsys, "tag", tmp_path / "modle", write(tmp_path / "a.txt", SENTENCES[0]))
    assert (code, out) == (3, "")
    assert "modle: no such file or folder to tag, and no such checkpoint folder" in err


def test_pipes_are_read_and_written(tmp_path: Path, checkpoint_folder: Path, capsys: Captured) -> None:
    row = b'{"id": "a", "text": "Police left Goma."}\n'
    for name, form, options in (("r.jsonl", row, ()), ("r.txt", row, ()), ("fd", row, ("--stdin", "jsonl"))):
        pipes = [tmp_path / name, tmp_path / f"{name}.out"]
        for pipe in pipes:
            os.mkfifo(pipe)
        read: list[bytes] = []
        threads = [
            Thread(target=pipes[0].write_bytes, args=(form,)),
            Thread(target=lambda pipe, read: read.append(pipe.read_bytes()), args=(pipes[1], read)),
        ]
        for thread in threads:
            thread.start()
        out = tmp_path / f"{name}.jsonl"
        out.symlink_to(pipes[1])
        assert conflict_ner(capsys, "tag", checkpoint_folder, pipes[0], *options, "-o", out)[0] == 0
        for thread in threads:
            thread.join()
        assert json.loads(read[0])["id"] == (str(pipes[0]) if name == "r.txt" else "a")


def test_a_pipe_cannot_hold_what_is_read_out_of_order(
    tmp_path: Path, checkpoint_folder: Path, capsys: Captured
) -> None:
    pipe = tmp_path / "r.zip"
    os.mkfifo(pipe)

    def put() -> None:
        with suppress(BrokenPipeError):  # the command may close the pipe before anything is written
            pipe.write_bytes(b"PK")

    writer = Thread(target=put)
    writer.start()
    code, _, err = conflict_ner(capsys, "tag", checkpoint_folder, pipe)
    writer.join()
    assert (code, "r.zip: a zip file cannot be read from a pipe; write it to a file first" in err) == (1, True)


def test_an_interruption_before_anything_is_safe_is_one_line(
    tmp_path: Path, checkpoint_folder: Path, table: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tagger, "load", interrupt)
    for option, message in ((("-o", tmp_path / "out.csv"), "interrupted; nothing was written"), ((), "interrupted")):
        assert conflict_ner(capsys, "tag", checkpoint_folder, table, *NAMED, *option) == (130, "", message + "\n")
    assert [file.name for file in tmp_path.iterdir()] == ["in"]
