"""One row a report: names in order, and casualties that count each group of people once."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from conflict_ner.data import corpus
from conflict_ner.data.document import Document, Entity
from conflict_ner.data.formats import markup
from conflict_ner.data.label_levels import NUMBER_KINDS
from conflict_ner.inference.incidents import Total, incident_columns, incident_row, total_of
from conflict_ner.inference.mention_values import ValueReader

DATA = Path(__file__).parents[2] / "data"
LABELS = ("ACTOR", "WEAPON", "LOCATION", *(f"NUMBER.{kind}" for kind in NUMBER_KINDS))


def entities(document: Document) -> list[Entity]:
    """The gold mentions, as a model that finds all of them would return them with values."""
    return ValueReader().fill(
        Entity(m.label, document.slice(m), m.start, m.end, 1.0) for m in document.mentions if m.label in LABELS
    )


def killed(marked: str) -> Total:
    """The total of a text in which `[words]` are figures of people killed."""
    (document,), problems = markup.parse(f"=== r\n\n{marked.replace(']', '](NUMBER.killed)')}\n", "r.md")
    assert problems == []
    return total_of(document.text, entities(document))


@pytest.mark.parametrize(
    ("text", "low", "value", "high", "rule"),
    [
        ("[19] died.", 19, 19, 19, "single"),
        ("[At least 19] died.", 19, 19, None, "single"),
        ("[Up to 15] died.", 0, 15, 15, "single"),
        ("[About 60] died.", 60, 60, 60, "single"),
        ("[Between 20 and 30] died.", 20, 20, 30, "single"),
        ("[Dozens] died.", 12, 12, 99, "single"),
        ("[5] died in Goma and [7] in Sake.", 12, 12, 12, "sum"),
        ("[5] soldiers and [5] rebels died.", 10, 10, 10, "sum"),  # equal figures in one sentence are a list
        ("[12] dead in Goma\n[Twelve] people died on Friday.", 12, 12, 12, "repeat"),
        ("[19] died, including [three] children.", 19, 19, 19, "part"),
        ("[19] died. Of the dead, [three] were children and [two] monks.", 19, 19, 19, "part"),
        ("[Nine] died, [four] of them soldiers.", 9, 9, 9, "part"),
        ("[Three] officers, among them Capt. Zaw, and [eight] soldiers died.", 11, 11, 11, "sum"),
        ("[5] in Goma, [7] in Sake: [12] dead.", 12, 12, 12, "part"),
        ("[3] died today. That brings the toll to [31].", 31, 31, 31, "largest"),
        ("[Two] died in Goma, [six] in Sake. [Eight] in all.", 8, 8, 8, "largest"),
        ("[Up to several hundred] died.", 0, 0, 999, "single"),
        ("[Perhaps up to 200] died.", 0, 200, 200, "single"),
        ("[Nearly one million] died.", 0, 1_000_000, 1_000_000, "single"),
        ("[19] dead in Goma\n[At least 19] people died.", 19, 19, None, "repeat"),
        ("[At least 19] dead in Goma\n[19] people died.", 19, 19, None, "repeat"),
        ("[More than 60] died. The [60] were buried.", 61, 61, None, "repeat"),
        ("[Three] died in Goma. [Three] died in Sake.", 6, 6, 6, "sum"),  # small figures are equal by chance
        ("[Three] died in Goma. The [three] were brothers.", 3, 3, 3, "repeat"),
        ("[5] died on Monday. [2] died on Tuesday. [3] died on Wednesday.", 10, 10, 10, "sum"),
        ("[12] died. The dead include [five] children.", 12, 12, 12, "part"),
        ("[Five] of the [12] killed were children.", 12, 12, 12, "part"),
        ("[12] died, including at least [five] children and [two] monks.", 12, 12, 12, "part"),
        ("[12] people ([5] women, [3] children) died.", 12, 12, 12, "part"),
        ("[31] are dead, up from [26].", 31, 31, 31, "repeat"),
        ("A total of [7] died in Goma and [5] in Sake.", 12, 12, 12, "sum"),
        ("[12] died, rescuers said, bringing out [3] bodies.", 15, 15, 15, "sum"),
        # A period after an abbreviation or an initial ends no sentence.
        ("[12] died in St. Petersburg and [12] in Moscow.", 24, 24, 24, "sum"),
        ("[14] were shot by Lt. Col. Aziz and [14] by Gen. Omar.", 28, 28, 28, "sum"),
        ("[12] died in a U.S. Army raid, [12] in another.", 24, 24, 24, "sum"),
        ("[19] died, incl. [3] children.", 19, 19, 19, "part"),
        ("[19] died, incl. [3] children and [4] women.", 19, 19, 19, "part"),
        ("The toll rose to [31] from [26].", 31, 31, 31, "repeat"),
        ("The toll has risen from [26] to [31].", 31, 31, 31, "repeat"),
        ("The toll rose to [31] people from [26] on Friday.", 31, 31, 31, "repeat"),
    ],
)
def test_each_group_of_people_counts_once(text: str, low: float, value: float, high: float | None, rule: str) -> None:
    total = killed(text)
    assert (total.low, total.value, total.high, total.rule) == (low, value, high, rule)


@pytest.mark.parametrize("text", ["None died.", "[40 percent] died.", "[$5 million] died."])
def test_what_is_no_count_of_people_is_no_figure(text: str) -> None:
    assert killed(text) == Total()


def test_a_figure_that_cannot_be_read_is_named() -> None:
    assert killed("[l9] died.") == Total(rule="unread", parts=("l9 (not read)",))
    total = killed("[31-26] died in Goma; [3] died in Sake.")
    assert (total.value, total.rule, total.parts) == (3, "single", ("3", "31-26 (not read)"))


def test_a_row_has_the_names_in_order_without_repeats_and_each_kind_of_casualty() -> None:
    source = (
        "=== r\n\n[RSF](ACTOR) [drones](WEAPON) and the [army](ACTOR)'s [drones](WEAPON) hit [El\nFasher](LOCATION); "
        "[RSF](ACTOR) used [AK-47s](WEAPON): [4](NUMBER.killed) dead, [6](NUMBER.injured) hurt.\n"
    )
    (document,), _ = markup.parse(source, "r.md")
    row = incident_row(document.text, entities(document), LABELS, ValueReader())
    assert list(row) == list(incident_columns(LABELS, ValueReader()))
    assert (row["actors"], row["weapons"]) == ("RSF; army", "drones; AK-47s")
    assert (row["weapon_kinds"], row["locations"]) == ("uav; small-arms", "El Fasher")
    assert (row["killed_low"], row["killed_value"], row["killed_high"], row["killed_parts"]) == (4, 4, 4, "4")
    assert (row["injured_value"], row["injured_rule"]) == (6, "single")
    assert {row[f"detained_{name}"] for name in ("low", "value", "high", "rule", "parts")} == {None}


def test_columns_follow_the_labels_and_their_roles() -> None:
    columns = incident_columns(("PARTY", "ARM", "COUNT.dead"), ValueReader(number="COUNT", weapon="ARM"))
    assert list(columns)[:4] == ["party", "arm", "weapon_kinds", "killed_low"]


@pytest.mark.parametrize(("split", "least"), [("validation", 0.85), ("test", 0.85)])
def test_totals_are_those_of_a_reader_where_the_mentions_are_right(split: str, least: float) -> None:
    documents = {document.id: document for document in corpus.load({split: [DATA / split]}, LABELS)[split]}
    with (DATA / "casualty_totals.csv").open(encoding="utf-8", newline="") as stream:
        gold = [row for row in csv.DictReader(stream) if row["split"] == split]
    right = 0
    for row in gold:
        document = documents[row["report"]]
        total = total_of(document.text, [e for e in entities(document) if e.kind == row["kind"]])
        right += (total.value or 0) == float(row["value"])
    assert right >= least * len(gold)
