"""Which format a file is in, by its name and content, and which one a target is written in."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from conflict_ner.data.formats import registry, report_files
from conflict_ner.data.formats.format import Feature, Format, Sample
from conflict_ner.data.formats.registry import FORMATS, detect_format, find_format, format_to_write
from conflict_ner.errors import ConfigError


def test_every_format_is_well_formed() -> None:
    assert len({form.name for form in FORMATS}) == len({form.title for form in FORMATS}) == len(FORMATS)
    usual = [suffix for form in FORMATS for suffix in form.default_for]
    assert len(set(usual)) == len(usual), "an ending is the usual one of one format"
    for form in FORMATS:
        assert form.name == form.name.lower().strip()
        assert set(form.default_for) <= set(form.suffixes)
        assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in form.suffixes)
        assert form.detect(Sample("x", b"Nothing of the kind.\n")) is None
        assert form.detect(Sample("x", b"\x00\xff\xfe")) is None
        assert form.detect(Sample("x")) is None
        assert form.write is None or form.carries <= set(Feature)


def test_a_format_is_found_by_its_name_and_a_wrong_name_is_explained() -> None:
    assert find_format("CoNLL").name == "conll"
    with pytest.raises(ConfigError, match="--from: there is no format 'jsnl'; did you mean jsonl"):
        find_format("jsnl", "--from")
    with pytest.raises(ConfigError, match=r"the formats are .*markup, tagged, jsonl"):
        find_format("xyz")


def test_a_target_is_written_in_the_format_that_its_ending_or_name_says() -> None:
    assert format_to_write(Path("a.MD")).name == "markup"
    assert format_to_write(Path("a.json"), "jsonl").name == "jsonl"
    with pytest.raises(ConfigError, match="no format that can be written has this ending; name the format with --to"):
        format_to_write(Path("a.csv"))
    with pytest.raises(ConfigError, match="compressed files are only read"):
        format_to_write(Path("a.md.gz"))


@pytest.fixture
def loose(monkeypatch: pytest.MonkeyPatch) -> Format:
    """A format that shares an ending with another, and one that says nothing by itself."""
    form = Format(
        "loose",
        "loose files",
        (".jsonl", ".json"),
        read=lambda file, options: iter(()),
        detect=lambda sample: "a `loose` key" if any("loose" in each for each in sample.records) else None,
    )
    monkeypatch.setattr(registry, "FORMATS", (form, *FORMATS))
    return form


def test_the_content_decides_where_an_ending_has_several_formats(loose: Format, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"loose": 1}\n'))
    (tmp_path / "b.jsonl").write_text("{broken\n", encoding="utf-8")
    (tmp_path / "c.json").write_text('[{"loose": "' + "x" * 100_000, encoding="utf-8")
    (tmp_path / "d.json").write_text('{"name": "package"}', encoding="utf-8")
    assert detect_format(tmp_path / "a.jsonl.gz") == registry.Detection(loose, "a `loose` key")
    assert detect_format(tmp_path / "b.jsonl") == registry.Detection(find_format("jsonl"), "its ending is .jsonl")
    assert detect_format(tmp_path / "c.json") == registry.Detection(loose, "a `loose` key")
    assert detect_format(tmp_path / "d.json") is None
    assert [file.name for file in report_files.search(tmp_path).files] == ["a.jsonl.gz", "b.jsonl", "c.json"]
    _, (problem,) = report_files.read_file(tmp_path / "d.json")
    assert "not recognized as loose files" in problem.what
    assert problem.unreadable
    assert report_files.read_file(tmp_path / "d.json", form=loose) == ([], [])


@pytest.mark.usefixtures("loose")
def test_a_file_of_a_format_that_is_not_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"tokenized_text": ["Rebels"], "ner": [[0, 0, "ACTOR"]]}]', encoding="utf-8")
    (tmp_path / "b.json").write_text(" ", encoding="utf-8")
    assert "GLiNER" in report_files.read_file(tmp_path / "a.json")[1][0].what
    assert "an empty file" in report_files.read_file(tmp_path / "b.json")[1][0].what


def test_labeled_files_that_a_folder_leaves_out_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("=== a\n\nNothing.\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Rebels B-ACTOR\nleft O\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("Plain prose.\n", encoding="utf-8")
    documents, (note,) = report_files.read_entries([tmp_path], [])
    assert len(documents) == 1
    assert note.note
    assert "1 file of labeled reports left out, such as" in note.what
    assert "b.txt" in note.what


@pytest.mark.parametrize(
    ("raw", "records"),
    [
        (b'{"a": 1}\n{"a": 2}\n{"a', [{"a": 1}, {"a": 2}]),
        (b'[{"a": 1}, {"a": 2}, {"a', [{"a": 1}, {"a": 2}]),
        (b'[{"a": ["x", {"b": "c\\', [{"a": ["x", {"b": "c"}]}]),
        (b'{"data": [1, 2,', [{"data": [1, 2]}]),
        (b'{"data": 1, "x"', [{"data": 1, "x": None}]),
        (b'{"data": 1, "x":', [{"data": 1, "x": None}]),
        ('{"a": "é"}'.encode("utf-16"), [{"a": "é"}]),
        (b"Rebels [left]", []),
        (b"\x00\x01{", []),
        (b"[[[" * 5000, []),
    ],
)
def test_a_sample_has_the_first_json_values_even_if_it_is_cut_off(raw: bytes, records: list[object]) -> None:
    assert Sample("a.json", raw).records == records


def test_a_readme_in_a_folder_is_read_only_if_it_holds_reports(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("Goma B-LOCATION\n\n", encoding="utf-8")
    readme = tmp_path / "README.md"
    readme.write_text("# About these data\n", encoding="utf-8")
    assert report_files.search(tmp_path).files == [tmp_path / "a.conll"]
    readme.write_text("=== a\n\n[Goma](LOCATION) fell.\n", encoding="utf-8")
    assert report_files.search(tmp_path).files == [readme, tmp_path / "a.conll"]
