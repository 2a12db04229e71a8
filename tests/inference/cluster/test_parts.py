"""Reports are cut into the same parts whenever they are read, and every report is in one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.errors import CheckpointError, JobError, Problem
from conflict_ner.inference.cluster import parts, tag_batches
from conflict_ner.inference.cluster.parts import (
    Message,
    ReadParts,
    TagParts,
    TagSettings,
    group_files,
    group_row,
    part_name,
)
from conflict_ner.inference.cluster.storage import InputFile, PartFolder, find_files
from conflict_ner.inference.cluster.tag_batches import Tag
from conflict_ner.inference.files.layouts import Layout
from conflict_ner.inference.files.sources import TEXT_COLUMNS
from conflict_ner.inference.files.table_readers import DEFAULT_DIALECT
from conflict_ner.inference.tagger import Tagger
from helpers.archives import write

MESSAGE = Message(
    2, "000002-000000.jsonl", problems=(Problem("a.csv:3", "no text", "write it", kind="none"),), first_other={"n": 1}
)


def read(files: list[InputFile], reader: ReadParts) -> list[tuple[Message, list[Any]]]:
    """The messages and the reports of a group."""
    rows = reader({key: [value] for key, value in group_row(3, files).items()})
    return [(Message.load(row["message"][0]), json.loads(row["reports"][0] or b"[]")) for row in rows]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[InputFile]:
    """Eleven reports in two files, in parts of four; one row without a text, one report in another script."""
    monkeypatch.setattr(parts, "PART_REPORTS", 4)
    rows = [{"id": n, "text": "Goma." if n != 5 else "Взрыв в городе Горловка.", "n": n} for n in range(9)]
    write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in [*rows[:6], {"id": "x"}, *rows[6:]]))
    write(tmp_path / "b.csv", "id,text\n9,Beni.\n10,Beni.\n")
    return find_files([str(tmp_path / "a.jsonl"), str(tmp_path / "b.csv")], print, set())


def test_every_report_is_in_one_part(files: list[InputFile]) -> None:
    found = read(files, ReadParts(TEXT_COLUMNS, DEFAULT_DIALECT, scripts=["Latin"]))
    messages = [message for message, _ in found]
    assert [message.name for message in messages] == [*(part_name(3, n) for n in range(3)), ""]
    assert [[str(report[0]) for report in reports] for _, reports in found] == [
        ["0", "1", "2", "3"],
        ["4", "5", "6", "7"],
        ["8", "9", "10"],
        [],
    ]
    assert found[0][1][0] == [0, "Goma.", {"n": 0}]
    assert messages[-1].parts == 3
    assert [message.other_scripts for message in messages] == [0, 1, 0, 0]
    assert messages[1].first_other == 5
    assert sum(message.position for message in messages) == sum(file.size for file in files)
    (problem,) = [problem for message in messages for problem in message.problems]
    assert (problem.where, problem.what) == (f"{files[0].name}:7", "no string under 'text' (id 'x')")


def test_finished_parts_are_read_and_not_sent(files: list[InputFile]) -> None:
    finished = frozenset({part_name(3, 1)})
    found = read(files, ReadParts(TEXT_COLUMNS, DEFAULT_DIALECT, finished))
    assert [(message.is_new, len(reports)) for message, reports in found[:3]] == [(True, 4), (False, 0), (True, 3)]
    assert sum(len(message.problems) for message, _ in found) == 1


def test_reports_in_other_scripts_are_left_out_if_asked(files: list[InputFile]) -> None:
    found = read(files, ReadParts(TEXT_COLUMNS, DEFAULT_DIALECT, scripts=["Latin"], skip=True))
    assert [len(reports) for _, reports in found] == [4, 4, 2, 0]


def test_a_long_text_is_a_part_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_CHARACTERS", 10)
    lines = "".join(json.dumps({"id": n, "text": "x" * length}) + "\n" for n, length in enumerate([4, 6, 99, 1]))
    files = find_files([str(write(tmp_path / "a.jsonl", lines))], print, set())
    found = read(files, ReadParts(TEXT_COLUMNS, DEFAULT_DIALECT))
    assert [[report[0] for report in reports] for _, reports in found] == [[0, 1], [2], [3], []]


def test_small_files_share_a_group_and_large_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_GROUP_BYTES", 10)
    monkeypatch.setattr(parts, "_GROUP_FILES", 3)
    files = [InputFile(str(n), str(n), size, None) for n, size in enumerate([1, 1, 1, 1, 9, 99, 1])]
    assert [[file.size for file in group] for group in group_files(files)] == [[1, 1, 1], [1, 9], [99], [1]]


def test_a_message_arrives_as_it_was_sent() -> None:
    assert Message.load(MESSAGE.dump()) == MESSAGE
    assert Message.load(MESSAGE.dump()).problems[0].kind == "none"


def test_an_error_of_a_worker_is_raised_with_its_kind() -> None:
    MESSAGE.raise_error()
    for kind, error in (("CheckpointError", CheckpointError), ("OSError", JobError)):
        with pytest.raises(error, match="on the machine x: lost"):
            Message(1, error=(kind, "on the machine x: lost")).raise_error()


def test_a_part_that_kills_every_worker_is_given_up(
    tmp_path: Path, checkpoint_folder: Path, tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tag_batches, "_loaded", {})
    monkeypatch.setattr(Tagger, "load", lambda *_: tagger)
    settings = TagSettings(
        Tag(checkpoint_folder), Layout("reports"), PartFolder(str(tmp_path)), tagger.checkpoint.manifest.weights_sha256
    )
    batch = {"message": [Message(0, part_name(0, 0)).dump()], "reports": [b'[["r1", "Goma.", {}], ["r2", "", {}]]']}

    def tag(worker: TagParts) -> Message:
        return Message.load(worker(batch)["message"][0])

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    assert tag(TagParts(settings, is_replacement=True)).reports == 2
    assert [file.name for file in tmp_path.iterdir()] == [part_name(0, 0)]  # after a success nothing is counted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PartFolder, "write", die)
        for _ in range(4):
            with pytest.raises(KeyboardInterrupt):
                TagParts(settings, is_replacement=True)(batch)
    kind, what = tag(TagParts(settings, is_replacement=True)).error or ("", "")
    assert kind == "JobError"
    assert what.startswith(
        "more than 4 workers have died, each while it tagged the part 000000-000000.jsonl, reports r1 to r2"
    )


def test_workers_that_die_before_their_first_part_are_given_up(tmp_path: Path, checkpoint_folder: Path) -> None:
    settings = TagSettings(Tag(checkpoint_folder), Layout("reports"), PartFolder(str(tmp_path)), "")
    for _ in range(4):
        settings.folder.count("starts")
    worker = TagParts(settings, is_replacement=True)
    row = {"message": [Message(0, part_name(0, 0)).dump()], "reports": [b'[["r1", "Goma.", {}]]']}
    _, what = Message.load(worker(row)["message"][0]).error or ("", "")
    assert "more than 4 workers have died, before they had tagged anything" in what
