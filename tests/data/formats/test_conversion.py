"""Conversion between formats: what is written, said, refused, and that a failure leaves everything as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conflict_ner.config import ColumnsConfig
from conflict_ner.data import corpus
from conflict_ner.data.formats import jsonl, registry
from conflict_ner.data.formats.conversion import Conversion, convert
from conflict_ner.data.formats.format import Feature, Format, ReadOptions
from conflict_ner.errors import ConfigError, DataError

MARKUP = "=== a\ntheatre: Sudan\n\n[Rebels](ACTOR) left [Goma](LOCATION).\n\n=== b\n\nNothing.\n"
NESTED = {
    "id": "n",
    "text": "Goma police left",
    "entities": [
        {"start": 0, "end": 11, "label": "ACTOR"},
        {"start": 0, "end": 4, "label": "LOCATION"},
        {"start": 5, "end": 16, "label": "X"},
    ],
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "a.md"
    file.write_text(MARKUP, encoding="utf-8")
    return file


@pytest.fixture
def poor(monkeypatch: pytest.MonkeyPatch) -> Format:
    """A format that carries nothing, written as our JSONL."""
    form = replace(jsonl.FORMAT, name="poor", title="Poor", suffixes=(".poor",), default_for=(), carries=frozenset())
    monkeypatch.setattr(registry, "FORMATS", (*registry.FORMATS, form))
    return form


def test_a_conversion_says_what_it_read_and_wrote(source: Path, tmp_path: Path) -> None:
    done = convert(str(source), str(tmp_path / "a.jsonl"))
    assert [(each.format.name, each.reason) for each in done.source_formats] == [("markup", "its ending is .md")]
    assert (done.target_format.name, done.reports, done.mentions, done.losses, done.mended) == ("jsonl", 2, 2, (), 0)
    assert corpus.read([tmp_path / "a.jsonl"])[0] == corpus.read([source])[0]


def test_a_format_that_is_named_wins_over_the_ending(source: Path, tmp_path: Path) -> None:
    renamed = source.rename(tmp_path / "a.export")
    done = convert(renamed, tmp_path / "a.out", "markup", "jsonl")
    assert done.source_formats[0].reason == "named by --from"
    assert [json.loads(line)["id"] for line in (tmp_path / "a.out").read_text().splitlines()] == ["a", "b"]


def test_a_folder_is_written_to_one_file(source: Path, tmp_path: Path) -> None:
    (source.parent / ".hidden.md").write_text(MARKUP)
    (source.parent / "b.conll").write_text("Rebels B-ACTOR\n")
    done = convert(source.parent, tmp_path / "all.jsonl")
    assert (done.reports, [each.format.name for each in done.source_formats]) == (3, ["markup", "conll"])
    assert "1 hidden entry left out" in done.notes[0].what
    assert convert(source.parent, tmp_path / "some.jsonl", "conll").reports == 1


def test_what_a_format_cannot_carry_is_left_out_and_counted(tmp_path: Path) -> None:
    source, seen = tmp_path / "a.jsonl", list[Conversion]()
    source.write_text(json.dumps(NESTED) + "\n", encoding="utf-8")
    target = tmp_path / "a.md"
    done = convert(source, target, before_writing=lambda each: seen.append(each) if not target.exists() else None)
    assert seen == [done]
    assert [str(loss) for loss in done.losses] == [
        f"mentions inside or across other mentions (2 mentions; the first: {source}:1)"
    ]
    assert "[Goma police](ACTOR) left" in target.read_text(encoding="utf-8")


def test_strict_refuses_each_loss_and_writes_nothing(source: Path, tmp_path: Path, poor: Format) -> None:
    target = tmp_path / "a.poor"
    done = convert(source, target)
    assert done.target_format is poor
    assert {loss.feature for loss in done.losses} == {Feature.IDS, Feature.METADATA, Feature.WHITESPACE}
    target.write_text("years of work")
    with pytest.raises(DataError, match=r"Poor cannot carry the metadata of reports \(1 report; the first: "):
        convert(source, target, strict=True)
    assert target.read_text() == "years of work"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.md", "a.poor"]


@pytest.mark.usefixtures("poor")
def test_mentions_inside_words_and_carriage_returns_are_losses(tmp_path: Path) -> None:
    record = {"id": "", "text": "Antigovernment\r\n60km", "entities": [{"start": 4, "end": 14, "label": "A"}]}
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n")
    done = convert(tmp_path / "a.jsonl", tmp_path / "b.poor")
    assert {loss.feature for loss in done.losses} == {
        Feature.INSIDE_TOKENS,
        Feature.WHITESPACE,
        Feature.CARRIAGE_RETURNS,
    }
    assert done.mentions == 0


def test_all_problems_are_raised_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("=== a\n\n[Rebels left.\n\n=== b\n\nGoma]\n")
    outside = {"id": "c", "text": "x", "entities": [{"start": 0, "end": 9, "label": "A"}]}
    (tmp_path / "b.jsonl").write_text("{broken\n" + json.dumps(outside) + "\n")
    with pytest.raises(DataError) as caught:
        convert(tmp_path, tmp_path / "out.jsonl")
    wheres = [problem.where.removeprefix(f"{tmp_path}/") for problem in caught.value.problems]
    assert wheres == ["a.md:3:1", "a.md:7:5", "b.jsonl:1:2", "b.jsonl:2"]
    assert "0:9 (A) is not in the text, which has 1 character" in caught.value.problems[-1].what
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.md", "b.jsonl"]


def test_what_a_writer_refuses_is_raised_and_nothing_is_written(tmp_path: Path) -> None:
    record = {"id": "c", "text": "Rebels", "entities": [{"start": 0, "end": 6, "label": "A B"}]}
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n")
    with pytest.raises(DataError, match="cannot be marked in the text"):
        convert(tmp_path / "a.jsonl", tmp_path / "a.md")
    assert not (tmp_path / "a.md").exists()


def test_source_and_target_are_not_one_file(source: Path, tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to(source)
    with pytest.raises(ConfigError, match="source and target are one file"):
        convert(source, tmp_path / "link.md")
    assert source.read_text(encoding="utf-8") == MARKUP


def test_an_option_that_no_reader_follows_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="annotator: markup has no such option"):
        convert(source, tmp_path / "a.jsonl", options=ReadOptions(annotator="Ann"))
    (tmp_path / "b.conll").write_text("1 Rebels B-ACTOR\n")
    options = ReadOptions(columns=ColumnsConfig(word=2, tag=3))
    assert convert(tmp_path / "b.conll", tmp_path / "b.jsonl", options=options).mentions == 1


def test_a_format_that_is_only_read_is_no_target(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        convert(tmp_path / "none.md", tmp_path / "a.jsonl")
    with pytest.raises(ConfigError, match="there is no format 'word'"):
        convert(source, tmp_path / "a.out", target_format="word")
    with pytest.raises(OSError, match="No such file or directory"):
        convert(source, tmp_path / "none" / "a.jsonl")
