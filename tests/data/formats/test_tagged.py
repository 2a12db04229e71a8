"""What `tag` has written is read as labels: corrected or not, with ids of any kind, scores left out or kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conflict_ner.data import corpus
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import conversion, jsonl, report_files
from conflict_ner.data.formats.format import ReadOptions
from conflict_ner.data.formats.registry import detect_format
from conflict_ner.errors import DataError, Problem

TEXT = "Rebels left Goma."
FOUND = {"label": "ACTOR", "text": "Rebels", "start": 0, "end": 6, "score": 0.9312}
VALUED = {**FOUND, "value": None, "low": None, "high": None, "approximate": None, "unit": None, "kind": None}
ADDED = {"label": "LOCATION", "start": 12, "end": 16}


def tagged(folder: Path, *records: object) -> Path:
    """Write lines to a file."""
    file = folder / "tagged.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return file


def record(name: object, *entities: object, **metadata: object) -> dict[str, object]:
    return {"id": name, **metadata, "text": TEXT, "entities": list(entities)}


def read(file: Path, options: ReadOptions) -> tuple[list[Document], list[Problem], list[str]]:
    """The documents of a file, its problems, and its notes as text."""
    documents, problems = report_files.read_file(file, options)
    return documents, [each for each in problems if not each.note], [each.what for each in problems if each.note]


def test_predictions_and_corrections_are_mentions_and_scores_are_left_out(tmp_path: Path) -> None:
    file = tagged(tmp_path, record(7, FOUND, ADDED, year=2024), record("b"), record("c", {**VALUED, "source": "names"}))
    detection = detect_format(file)
    assert detection is not None
    assert detection.format is jsonl.TAGGED
    documents, problems, (note,) = read(file, ReadOptions())
    assert problems == []
    assert documents == [
        Document("7", TEXT, (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")), {"year": 2024}),
        Document("b", TEXT),
        Document("c", TEXT, (Mention(0, 6, "ACTOR"),)),
    ]
    assert note.startswith("the scores of 2 mentions in 2 reports are left out")


def test_scores_are_kept_in_the_order_of_the_mentions(tmp_path: Path) -> None:
    file = tagged(tmp_path, record("a", ADDED, FOUND, scores="mine"), record("b", FOUND))
    (first, second), _, (note,) = read(file, ReadOptions(keep_scores=True))
    assert first.metadata == {"scores": "mine", "scores_": [0.9312, None]}
    assert second.metadata == {"scores": [0.9312]}
    assert "are kept as the metadata 'scores'" in note
    done = conversion.convert(file, tmp_path / "a.md", options=ReadOptions(keep_scores=True))
    assert (done.reports, done.losses) == (2, ())
    assert report_files.read_file(tmp_path / "a.md")[0][1] == second


def test_a_file_that_begins_without_entities_is_read_too(tmp_path: Path) -> None:
    empty = [record(name) for name in range(2000)]  # more than the 64 KB by which files are recognized
    file = tagged(tmp_path, *({**each, "id": str(each["id"])} for each in empty), record(2000, FOUND), record(2001))
    assert file.stat().st_size > 1 << 16
    documents, problems, (note,) = read(file, ReadOptions())
    assert ([document.id for document in documents], problems) == ([str(name) for name in range(2002)], [])
    assert "1 mention in 1 report" in note
    documents, problems = jsonl.parse(file.read_text(encoding="utf-8"), "pipe")
    assert (len(documents), [problem.note for problem in problems]) == (2002, [True])


def test_offsets_that_were_corrected_without_their_text_are_a_problem(tmp_path: Path) -> None:
    file = tagged(tmp_path, *[record(name, {**FOUND, "end": 11}) for name in "abcdefgh"])
    with pytest.raises(DataError) as caught:
        conversion.convert(file, tmp_path / "a.md")
    (_, line) = str(caught.value).split("\n")
    assert "entity at 0:11 has the text 'Rebels', but 'Rebels left' is at its offsets; correct the offsets" in line
    assert line.endswith("(8 places; the next: " + ", ".join(f"{file}:{at}" for at in range(2, 6)) + ")")


def test_edges_are_trimmed_on_request_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = [record(name, {"label": "ACTOR", "start": 0, "end": 7}, {**ADDED, "end": 17}) for name in "ab"]
    file = tagged(tmp_path, *long, record("c", {**ADDED, "start": 16, "end": 17}))
    done = conversion.convert(file, tmp_path / "a.jsonl", options=ReadOptions(trim=True))
    assert done.trimmed == 4
    documents = report_files.read_file(tmp_path / "a.jsonl")[0]
    mentions = (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION"))
    assert [each.mentions for each in documents] == [mentions, mentions, (Mention(16, 17, "LOCATION"),)]
    with pytest.raises(DataError, match="1 problem"):  # only what is nothing but punctuation
        corpus.load_corpus(file, trim=True, guidelines=True, allow_copies=True)
    assert f"note: {file}: 4 mentions trimmed" in capsys.readouterr().err
    with pytest.raises(DataError, match=r"--trim cuts it.*2 places"):
        corpus.load_corpus(file, guidelines=True, allow_copies=True)


def test_trimmed_mentions_keep_their_places(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text('=== a\n\n["Rebels ](ACTOR)left [Goma](LOCATION).\n', encoding="utf-8")
    (document,), _, _ = read(file, ReadOptions(trim=True))
    assert [(document.slice(m), document.place(n)) for n, m in enumerate(document.mentions)] == [
        ("Rebels", f"{file}:3:1"),
        ("Goma", f"{file}:3:23"),
    ]
