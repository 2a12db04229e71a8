"""Every format that can be written: what is read back is what was written, but for what it says it cannot carry."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import conversion
from conflict_ner.data.formats.format import NOT_IN_XML, Feature, Format
from conflict_ner.data.formats.registry import FORMATS, detect_format
from conflict_ner.data.formats.report_files import read_file
from conflict_ner.data.words import split_words
from conflict_ner.errors import DataError

NEEDS = {"uima-cas": "cassis", "spacy": "spacy"}  # the library of a format
WRITABLE = pytest.mark.parametrize(
    "form",
    [
        pytest.param(
            each,
            id=each.name,
            marks=pytest.mark.skipif(
                each.name in NEEDS and find_spec(NEEDS[each.name]) is None, reason=f"{each.title} needs a library"
            ),
        )
        for each in FORMATS
        if each.write
    ],
)


def document(name: str, text: str, *surfaces: str, label: str = "ACTOR") -> Document:
    """A document whose mentions are the first occurrences of these texts."""
    starts = [text.index(surface) for surface in surfaces]
    mentions = [Mention(start, start + len(each), label) for start, each in zip(starts, surfaces, strict=True)]
    return Document(name, text, tuple(sorted(mentions)), {"theatre": "Sudan"})


REPORTS = [
    document("plain", "Rebels left El Fasher on Monday .", "Rebels", "El Fasher"),
    document("kinds", "At least 19 died .", "At least 19", label="NUMBER.killed"),
    document("two", "Rebels , soldiers and police clashed .", "Rebels", "soldiers", "police"),
    document("adjacent", "M23 FARDC clashed .", "M23", "FARDC"),
    document("emoji", "\U0001f4a5 Rebels \U0001f1f8\U0001f1e9 left Goma \U0001f600 .", "Rebels", "Goma"),
    document("marks", "Cafe\u0301 Ouagadougou\u0301 was hit .", "Ouagadougou\u0301"),
    document("composed", "Milizionäre verließen Goma 東京 .", "Milizionäre", "Goma"),
    document("rtl", "غادر المتمردون مدينة الفاشر يوم الاثنين .", "المتمردون", "الفاشر"),
    document(
        "mixed", "\u202b\u0645\u062a\u0645\u0631\u062f\u202c (RSF) left .", "\u0645\u062a\u0645\u0631\u062f", "RSF"
    ),
    document("tabs", "Rebels\tleft\t\tGoma .", "Rebels", "Goma"),
    document("spaces", "  Rebels   left\u00a0Goma.  ", "Rebels", "Goma"),
    document("lines", "Rebels left.\n\nPolice came.\n", "Rebels", "Police"),
    document("crlf", "Rebels left.\r\nPolice came.\r\n", "Rebels", "Police"),
    document("separators", "Rebels\u2028left\x85 Goma \x0b .", "Rebels", "Goma"),
    document("markup", "[Rebels](ACTOR) \\ \"left\" <b>&amp; {Goma}, 'it'", "Rebels", "Goma"),
    document("pro", "pro-Houthi fighters in 60km", "Houthi", "60"),
    document("whole", "Rebels", "Rebels"),
    document("id with / and \u00e9 \"'", "Rebels left .", "Rebels"),
    document("none", "Nothing happened ."),
    Document(
        "nested",
        "The Goma police left .",
        (Mention(0, 15, "ACTOR"), Mention(4, 8, "LOCATION")),
        {"year": 2024},
    ),
    Document("inside", "Antigovernment forces left .", (Mention(4, 14, "ACTOR"),)),
]


def expected(report: Document, form: Format) -> Document:
    """What a report becomes in a format; white space is compared without it where the format does not carry it."""
    lost = set(Feature) - form.carries
    if Feature.NESTED in lost:
        report = replace(report, mentions=conversion.outermost(report))
    if Feature.INSIDE_TOKENS in lost:
        edges = {int(edge) for offsets in split_words(report.text) for edge in offsets}
        report = replace(report, mentions=tuple(m for m in report.mentions if {m.start, m.end} <= edges))
    return report


def content(report: Document, form: Format) -> object:
    """What has to be equal."""
    exact = Feature.WHITESPACE in form.carries
    text = report.text if Feature.CARRIAGE_RETURNS in form.carries else report.text.replace("\r\n", "\n")
    if Feature.CONTROL_CHARACTERS not in form.carries:
        text = NOT_IN_XML.sub(" ", text)
    mentions: list[tuple[object, ...]] = []
    for m in report.mentions:
        surface = report.slice(m)
        # Without its white space a text is its characters, and a mention stands after some of them.
        place = (
            (m.start, m.end)
            if exact and len(text) == len(report.text)
            else (len("".join(report.text[: m.start].split())),)
        )
        mentions.append((*place, m.label, surface if exact else "".join(surface.split())))
    metadata = dict(report.metadata) if Feature.METADATA in form.carries else None
    name = report.id if Feature.IDS in form.carries else None
    return name, text if exact else "".join(text.split()), mentions, metadata


def written(documents: list[Document], folder: Path, form: Format) -> Path:
    """Write documents as `convert` does, which removes the mentions that a format cannot carry."""
    suffix = "" if form.is_folder else form.suffixes[0]
    Corpus({"data": tuple(documents)}).save(folder / "source.jsonl")
    target = folder / f"written{suffix}"
    conversion.convert(folder / "source.jsonl", target, target_format=form.name)
    return target


@WRITABLE
@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.id[:6])
def test_a_report_is_read_back(form: Format, report: Document, tmp_path: Path) -> None:
    documents, problems = read_file(written([report], tmp_path, form), form=form)
    assert [problem for problem in problems if not problem.note] == []
    assert [content(each, form) for each in documents] == [content(expected(report, form), form)]


@WRITABLE
def test_all_reports_are_read_back_in_their_order(form: Format, tmp_path: Path) -> None:
    target = written(REPORTS, tmp_path, form)
    documents, problems = read_file(target, form=form)
    assert [problem for problem in problems if not problem.note] == []
    reports = REPORTS
    if form.is_folder:  # with a file a report; a folder has no order
        documents, reports = (sorted(each, key=lambda report: report.text) for each in (documents, reports))
    assert [content(each, form) for each in documents] == [content(expected(each, form), form) for each in reports]
    parts = [target]
    if target.is_dir() and detect_format(target) is None:  # its files are recognized one by one
        parts = [part for part in target.iterdir() if part.suffix in form.suffixes]
    assert [detection and detection.format for detection in map(detect_format, parts)] == [form] * len(parts)


@WRITABLE
def test_losses_are_said_and_refused(form: Format, tmp_path: Path) -> None:
    Corpus({"data": tuple(REPORTS)}).save(tmp_path / "source.jsonl")
    target = tmp_path / f"written{form.suffixes[0]}"
    done = conversion.convert(tmp_path / "source.jsonl", target, target_format=form.name)
    assert {loss.feature for loss in done.losses} == set(Feature) - form.carries
    if done.losses:
        other = tmp_path / f"other{form.suffixes[0]}"
        with pytest.raises(DataError, match="cannot carry"):
            conversion.convert(tmp_path / "source.jsonl", other, target_format=form.name, strict=True)
        assert not other.exists()
