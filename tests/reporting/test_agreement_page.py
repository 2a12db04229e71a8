"""The page of an agreement shows its figures, every difference as each annotator reads it, and every report."""

from __future__ import annotations

import io
import json

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.evaluation.annotators.agreement import Agreement, agree
from conflict_ner.reporting import agreement_page, agreement_tables, tables
from helpers.evaluations import ATTACK, agreement
from helpers.pages import Reader, values


def written(shown: Agreement) -> str:
    stream = io.StringIO()
    agreement_page.write(shown, stream)
    return stream.getvalue()


@pytest.fixture(scope="module")
def shown() -> Agreement:
    return agreement()


@pytest.fixture(scope="module")
def text(shown: Agreement) -> str:
    return written(shown)


@pytest.fixture(scope="module")
def read(text: str) -> Reader:
    return Reader(text)


def test_the_figures_are_those_of_the_report(read: Reader, shown: Agreement) -> None:
    report = shown.report
    assert json.loads(read.by_id["report"]) == report.model_dump(mode="json", exclude={"differences"})
    assert read.by_id["headline"] == tables.percent(report.strict.micro.f1)
    assert (read.by_id["alpha"], read.by_id["alpha-interval"]) == agreement_tables.alpha_cells(report.alpha.overall)
    expected = [
        *agreement_tables.rows(report),
        *agreement_tables.annotator_rows(report),
        *agreement_tables.pair_rows(report),
        *agreement_tables.kind_rows(report),
    ]
    assert len(expected) == 5 + 3 + 3 + 4
    assert [row for row in expected if row not in read.rows] == []


def test_hostile_text_stays_text(read: Reader, text: str, shown: Agreement) -> None:
    assert read.tags.count("script") == 2  # ours, and the report as data
    assert not {"img", "i", "iframe", "object", "base"} & set(read.tags)
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert [document.text for document in shown.documents if document.text not in read.texts] == []
    links = [value for name, value in read.attributes if name in ("href", "src", "action", "data")]
    assert [link for link in links if not link.startswith("#")] == ["data:,"]


def test_every_difference_links_to_its_report_and_back(read: Reader, shown: Agreement) -> None:
    links = [link[1:] for link in values(read, "href") if link.startswith("#")]
    for number in range(1, len(shown.report.differences) + 1):
        assert links.count(f"m{number}") == links.count(f"e{number}") == 1
    assert {link for link in links if link not in read.by_id} == set()


def test_a_difference_is_shown_as_each_annotator_reads_it() -> None:
    body = "Rain fell. Rebels of the north left Goma. All is calm."
    north, rebels, goma = Mention(11, 30, "ACTOR"), Mention(11, 17, "ACTOR"), Mention(36, 40, "PLACE")
    found = agree(
        {
            "anna": [Document("a", body, (north, goma))],
            "ben": [Document("a", body, (rebels, goma))],
            "carla": [Document("a", body, (rebels, goma))],
            "dora": [Document("a", body, (goma,))],
        },
        ["ACTOR", "PLACE"],
    )
    text = written(found)
    [item] = text.split('<div role="listitem"')[1:]
    item = item.partition("</section>")[0]
    head, *readings = item.split('<div class="reading">')
    assert 'data-kind="only one has it|different edges" data-labels="0" data-who="0 3"' in head
    assert [reading.partition("<bdi>")[2].partition("</bdi>")[0] for reading in readings] == [
        "ben, carla",
        "anna",
        "dora",
    ]
    assert '<span class="p p0 ps pe">Rebels</span><b class="chip k0">ACTOR</b><span class="differs"> of' in readings[0]
    assert '<span class="p p0 ps pe">Rebels of the north</span><b class="chip k0">ACTOR</b> left' in readings[1]
    assert '<span class="none">nothing</span>' in readings[2]
    assert '<span class="differs">Rebels of the north</span> left Goma.</p>' in readings[2]
    assert "Rain fell" not in item
    report = text[text.index("<article") : text.index("</article")]
    assert "anna, ben, carla, dora: 1 the same, 1 different" in report
    assert '<span class="p p1 ps pe">Goma</span><b class="chip k1">PLACE</b>' in report
    assert Reader(text).texts == [*["Rebels of the north left Goma."] * 3, body]


def test_two_annotators_are_in_no_minority_and_full_agreement_has_no_differences() -> None:
    first, second = Document("a", "Rebels left.", (Mention(0, 6, "ACTOR"),)), Document("a", "Rebels left.")
    text = written(agree({"anna": [first], "ben": [second]}, ["ACTOR"]))
    assert 'data-who="0 1"' in text
    assert 'name="who"' not in text
    assert 'id="pairs"' not in text
    read = Reader(written(agree({"anna": [first], "ben": [first]}, ["ACTOR"])))
    assert "None." in read.by_id["browser"]
    assert (read.by_id["headline"], read.by_id["alpha"]) == ("100.0", "1.000")


def test_names_of_annotators_are_text(read: Reader) -> None:
    assert read.by_id["annotators"].count(ATTACK) == 1
