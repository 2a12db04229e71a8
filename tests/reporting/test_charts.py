"""Charts: well-formed, the same each time, their text as text, nothing drawn of nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from math import nan

import matplotlib as mpl
import pytest
from conflict_ner.data.document import Document
from conflict_ner.evaluation.calibration import Calibration
from conflict_ner.evaluation.report import score
from conflict_ner.reporting import charts
from helpers.evaluations import HISTORY, LABELS, evaluation


def drawn() -> dict[str, str]:
    report = evaluation().report
    made = {
        "bars": charts.bars(report.strict),
        "reliability": charts.reliability(report.calibration),
        "curves": charts.precision_recall(report.curves),
        "learning": charts.learning(HISTORY),
    }
    return {name: chart for name, chart in made.items() if chart is not None}


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_every_chart_is_well_formed_and_the_same_each_time() -> None:
    first = drawn()
    assert len(first) == 4
    assert drawn() == first


def test_no_two_elements_of_a_page_share_an_id() -> None:
    whole = "".join(drawn().values())
    ids = re.findall(r' id="([^"]*)"', whole)
    assert len(set(ids)) == len(ids)
    referred = re.findall(r'(?:xlink:href="#|url\(#)([^")]*)', whole)
    assert referred
    assert set(referred) <= set(ids)


def test_text_is_text_whatever_a_label_says() -> None:
    said = texts(drawn()["bars"])
    assert set(LABELS) <= set(said)
    assert "n/a" not in said
    micro = evaluation().report.strict.micro.f1
    assert micro is not None
    assert f"{100 * micro:.1f}" in said


def test_a_label_without_mentions_is_na() -> None:
    report = score([Document("r", "Calm.")], [[]], ["A"])
    assert charts.bars(report.strict) is None
    done = evaluation()
    wider = score(done.documents, done.predicted, [*LABELS, "NEVER"])
    assert "n/a" in texts(charts.bars(wider.strict) or "")


@pytest.mark.parametrize("history", [(), ({"epoch": 1, "loss": nan},), ({"loss": 0.5},)])
def test_no_history_no_chart(history: tuple[dict[str, float], ...]) -> None:
    assert charts.learning(history) is None


def test_no_predictions_no_charts() -> None:
    assert charts.reliability(None) is None
    assert charts.precision_recall({"A": ()}) is None


def test_more_labels_than_colours() -> None:
    curve = next(points for points in evaluation().report.curves.values() if points)
    said = texts(charts.precision_recall({f"L{k}": curve for k in range(11)}) or "")
    assert {f"L{k}" for k in range(11)} <= set(said)


def test_a_users_own_style_changes_nothing_and_is_not_changed() -> None:
    calibration = evaluation().report.calibration
    assert isinstance(calibration, Calibration)
    plain = charts.reliability(calibration)
    with mpl.rc_context({"svg.fonttype": "path", "axes.facecolor": "red", "font.size": 30}):
        assert charts.reliability(calibration) == plain
        assert mpl.rcParams["font.size"] == 30
