"""Pages show the scores of their evaluation, and untrusted text in them stays text."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conflict_ner import errors
from conflict_ner.cli import main
from conflict_ner.data.document import Document
from conflict_ner.errors import MissingExtraError
from conflict_ner.evaluation.report import Evaluation, Report, score
from conflict_ner.reporting import html_report, tables
from conflict_ner.reporting.html_report import Row
from helpers.evaluations import ATTACK, LABELS, entity, evaluation
from helpers.pages import Reader, values


def written(original: Evaluation) -> str:
    stream = io.StringIO()
    html_report.write(original, stream)
    return stream.getvalue()


def tagged(rows: list[Row]) -> str:
    stream = io.StringIO()
    html_report.write_tagged("m", LABELS, rows, stream)
    return stream.getvalue()


@pytest.fixture(scope="module")
def text() -> str:
    return written(evaluation())


@pytest.fixture(scope="module")
def read(text: str) -> Reader:
    return Reader(text)


def test_the_report_in_the_page_is_the_report(read: Reader) -> None:
    assert Report.model_validate_json(read.by_id["report"]) == evaluation().report
    assert list(json.loads(read.by_id["report"])["strict"]["labels"]) == list(LABELS)


def test_the_figures_shown_are_those_of_the_report_in_the_page(read: Reader) -> None:
    report = Report.model_validate_json(read.by_id["report"])
    micro = report.strict.micro
    assert read.by_id["headline"] == tables.percent(micro.f1)
    assert read.by_id["headline-interval"] == tables.format_interval(micro.interval)
    assert report.calibration
    assert read.by_id["ece"] == tables.percent(report.calibration.ece)
    assert report.confusion
    expected = [
        *tables.rows(report),
        *((kind, *map(str, of.values()), str(sum(of.values()))) for kind, of in report.errors.items()),
        *(
            (label, *map(str, words))
            for label, words in zip(report.confusion.labels, report.confusion.words, strict=True)
        ),
        *(
            (value, str(one.documents), str(f.gold), tables.percent(f.f1), tables.format_interval(f.interval), "")
            for sliced in report.slices.values()
            for value, one in sliced.items()
            for f in [one.strict]
        ),
    ]
    assert [row for row in expected if row not in read.rows] == []


def test_hostile_text_stays_text(read: Reader) -> None:
    original = evaluation()
    # One script runs, and it is ours (its hash is in the policy); the other is the report as data.
    assert read.tags.count("script") == 2
    assert not {"img", "i", "iframe", "object", "base"} & set(read.tags)
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert [text for text in (d.text for d in original.documents) if text not in read.texts] == []
    assert read.by_id["r2"].count(ATTACK) >= 3  # its id, its metadata and its text


def test_the_page_asks_for_nothing_and_runs_only_its_own_script(text: str, read: Reader) -> None:
    links = [value for name, value in read.attributes if name in ("href", "src", "xlink:href", "action", "data")]
    assert [link for link in links if not link.startswith("#")] == ["data:,"]  # the icon: no request for one
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    policy = dict(pair.strip().split(" ", 1) for pair in values(read, "content")[0].split(";"))
    assert policy["default-src"] == "'none'"
    script = text[text.rindex("<script>") + len("<script>") : text.rindex("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy["script-src"] == f"'sha256-{digest}'"


def test_every_error_links_to_its_report_and_back(read: Reader) -> None:
    count = sum(sum(of.values()) for of in evaluation().report.errors.values())
    links = [link[1:] for link in values(read, "href") if link.startswith("#")]
    for number in range(1, count + 1):
        assert links.count(f"m{number}") == links.count(f"e{number}") == 1
    assert {link for link in links if link not in read.by_id} == set()


def test_the_same_evaluation_gives_the_same_page(text: str) -> None:
    assert written(evaluation()) == text


def test_figures_that_are_not_there_are_na() -> None:
    report = score([Document("r", "Calm.")], [[]], ["A"])
    read = Reader(written(Evaluation("m", "d", ("A",), (Document("r", "Calm."),), ((),), report)))
    assert read.by_id["headline"] == "n/a"
    assert "n/a: nothing was predicted" in read.by_id["scores"]
    assert "learning" not in read.by_id
    assert "None." in read.by_id["browser"]
    old = Report(documents=1, mentions=0, strict=report.strict, type=report.type)
    assert Reader(written(Evaluation("m", "d", ("A",), (Document("r", "Calm."),), ((),), old))).texts == ["Calm."]


def test_tagged_reports_are_marked_and_stay_text() -> None:
    read = Reader(tagged([(7, {ATTACK: ATTACK}, ATTACK, [entity(ATTACK, 2, 8, "ACTOR")]), (ATTACK, {}, "", [])]))
    assert read.texts == [ATTACK, ""]
    assert read.tags.count("script") == 1
    assert "img" not in read.tags
    assert "ACTOR" in read.by_id["r1"]


def test_the_score_of_every_mention_is_text_and_low_ones_stand_out() -> None:
    text = "Rebels left Goma and Beni."
    found = [
        entity(text, 0, 6, "ACTOR", 0.98765),
        entity(text, 12, 16, "LOCATION", 0.6951),
        entity(text, 21, 25, "LOCATION", 0.4),
    ]
    written = tagged([("r", {}, text, found)])
    read = Reader(written)
    assert " ".join(read.by_id["r1"].split()) == "r RebelsACTOR 0.99 left GomaLOCATION 0.70 and BeniLOCATION 0.40."
    assert read.texts == [text]
    assert values(read, "title") == ["ACTOR, score 0.9877", "LOCATION, score 0.6951", "LOCATION, score 0.4000"]
    body = written[written.index("<article") : written.index("</article")]
    assert re.findall(r'<span class="score( low)?">([0-9.]+)<', body) == [("", "0.99"), ("", "0.70"), (" low", "0.40")]
    assert re.findall(r'pe low"[^>]*>(\w+)<', body) == ["Beni"]
    assert "Below 0.70 the box is dashed" in written


def test_tagged_reports_are_written_as_they_come() -> None:
    stream = io.StringIO()

    def rows() -> Iterator[Row]:
        yield "first", {}, "Rebels left.", []
        yield "second", {}, "Rebels left.", []
        assert "first" in stream.getvalue()
        yield "third", {}, "Rebels left.", []

    html_report.write_tagged("m", LABELS, rows(), stream)
    assert stream.getvalue().count("<article") == 3


def test_a_missing_extra_is_an_error_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"-m pip install 'matplotlib>=3\.10' 'jinja2>=3\.1'"):
        html_report.write(evaluation(), io.StringIO())


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["conflict-ner", *map(str, arguments)])
    try:
        main.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_evaluate_writes_the_page_of_what_it_prints(
    checkpoint_folder: Path,
    reports_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.html"
    assert run(monkeypatch, "evaluate", checkpoint_folder, reports_file, "--json", "--html", out) == 0
    shown, messages = capsys.readouterr()
    assert json.loads(Reader(out.read_text(encoding="utf-8")).by_id["report"]) == json.loads(shown)
    assert "out.html" in messages


def test_a_page_that_cannot_be_made_is_known_before_the_work(
    reports_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "no" / "out.html"
    assert run(monkeypatch, "evaluate", tmp_path / "none", reports_file, "--html", nowhere) == 3
    assert "no checkpoint" not in capsys.readouterr().err
    page_file = tmp_path / "out.html"
    assert run(monkeypatch, "evaluate", tmp_path / "none", reports_file, "--html", page_file) == 3
    assert list(tmp_path.iterdir()) == []  # nothing half-written
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "manifest.json").touch()  # a checkpoint to the command line, which loads it after the check
    monkeypatch.setattr(errors, "find_spec", lambda _: None)
    assert run(monkeypatch, "tag", tmp_path / "damaged", reports_file, "--html", page_file) == 3
    assert "pip install" in capsys.readouterr().err


def test_tag_writes_a_page_and_lines_where_both_are_asked_for(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out, lines = tmp_path / "a.txt", tmp_path / "a.html", tmp_path / "a.jsonl"
    source.write_text("KABUL: police found <b>explosives</b>.", encoding="utf-8")
    assert run(monkeypatch, "tag", checkpoint_folder, source, "--html", out) == 0
    assert capsys.readouterr().out == ""
    first = out.read_text(encoding="utf-8")
    assert Reader(first).texts == ["KABUL: police found <b>explosives</b>."]
    assert run(monkeypatch, "tag", checkpoint_folder, source, "--html", out, "--output", lines) == 0
    assert out.read_text(encoding="utf-8") == first
    assert json.loads(lines.read_text(encoding="utf-8"))["text"] == "KABUL: police found <b>explosives</b>."
