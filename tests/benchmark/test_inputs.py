"""The reports that a benchmark reads, and the errors where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.benchmark.inputs import Reports, read_reports
from conflict_ner.data.document import Document
from conflict_ner.errors import BenchmarkError, DataError

LABELS = ("ACTOR", "WEAPON", "LOCATION", "NUMBER")


def test_labeled_files_can_be_scored(reports_file: Path, tmp_path: Path) -> None:
    reports = read_reports([reports_file], tmp_path, LABELS)
    assert len(reports.texts) == 3
    assert reports.labeled


def test_plain_files_are_a_report_each_and_have_no_labels(tmp_path: Path, reports_file: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.txt").write_text(f"Rebels left {name}.\n", encoding="utf-8")
    for entries in ([tmp_path], [tmp_path / "a.txt", tmp_path / "b.txt"]):
        reports = read_reports(entries, tmp_path, LABELS)
        assert reports.texts == ["Rebels left a.\n", "Rebels left b.\n"]
        assert not reports.labeled
    both = read_reports([reports_file, tmp_path], tmp_path, LABELS)
    assert len(both.texts) == 5
    assert not both.labeled


def test_of_a_folder_with_labeled_files_only_these_are_read(tmp_path: Path, reports_file: Path) -> None:
    (tmp_path / "notes.txt").write_text("Not a report.", encoding="utf-8")
    (tmp_path / "reports.md").write_bytes(reports_file.read_bytes())
    assert read_reports([tmp_path], tmp_path, LABELS).labeled


def test_a_report_without_a_word_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" \n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Goma", encoding="utf-8")
    assert read_reports([tmp_path], tmp_path, LABELS).texts == ["Goma"]
    with pytest.raises(BenchmarkError, match="no report with a word in it"):
        read_reports([tmp_path / "a.txt"], tmp_path, LABELS)


def test_words_of_repeated_texts_are_counted() -> None:
    reports = Reports("x", (Document("a", "One two."), Document("b", "Three")), labeled=False)
    assert reports.words == 4  # the full stop is one
    assert list(reports.repeated(5)) == ["One two.", "Three", "One two.", "Three", "One two."]
    assert [reports.count_words(n) for n in (1, 2, 3, 5)] == [3, 4, 7, 11]


def test_without_data_the_test_split_is_read(tmp_path: Path, reports_file: Path) -> None:
    run = "labels: [ACTOR]\noutput: x\ndata: {{train: [x], validation: [y]{}}}\n"
    with pytest.raises(BenchmarkError, match=r"names no test reports; name DATA: labeled \.md"):
        read_reports([], tmp_path, LABELS)  # no run.yaml at all
    (tmp_path / "run.yaml").write_text(run.format(""), encoding="utf-8")
    with pytest.raises(BenchmarkError, match="names no test reports"):
        read_reports([], tmp_path, LABELS)
    (tmp_path / "run.yaml").write_text(run.format(", test: [gone.md]"), encoding="utf-8")
    with pytest.raises(BenchmarkError, match=r"no longer exist \(.*gone\.md\); name DATA"):
        read_reports([], tmp_path, LABELS)
    (tmp_path / "gone.md").write_bytes(reports_file.read_bytes())
    assert len(read_reports([], tmp_path, LABELS).texts) == 3


def test_errors_name_the_file_and_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"Rebels\n\xff")
    with pytest.raises(DataError, match=r"a\.txt:2:1: not UTF-8"):
        read_reports([tmp_path / "a.txt"], tmp_path, LABELS)
    (tmp_path / "a.md").write_text("=== a\n\n[Goma](CITY)\n", encoding="utf-8")
    with pytest.raises(DataError, match="CITY"):
        read_reports([tmp_path / "a.md"], tmp_path, LABELS)
    with pytest.raises(DataError, match="no such file"):
        read_reports([tmp_path / "none"], tmp_path, LABELS)
