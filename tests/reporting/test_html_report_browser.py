"""The pages in a real browser, where one is installed: filters, links, narrow screens, hostile text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.reporting import agreement_page, html_report
from conflict_ner.reporting.html_report import Row
from helpers.browser import find, open_chromium, require_browser
from helpers.evaluations import LABELS, agreement, entity, evaluation

require_browser()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pages: an evaluation's, tagged reports' and an agreement's."""
    folder = tmp_path_factory.mktemp("pages")
    original = evaluation()
    # Room between the reports, so that a link has somewhere to go.
    long = tuple(replace(d, text=d.text + "\n" + "Nothing. " * 800) for d in original.documents)
    with (folder / "report.html").open("w", encoding="utf-8") as stream:
        html_report.write(replace(original, documents=long), stream)
    rows: list[Row] = [
        (d.id, d.metadata, d.text, found) for d, found in zip(original.documents, original.predicted, strict=True)
    ]
    rows.append(("wide", {"k" * 300: "v" * 300}, "w" * 500 + " Goma", [entity("w" * 500, 0, 400, LABELS[1])]))
    with (folder / "tagged.html").open("w", encoding="utf-8") as stream:
        html_report.write_tagged("m" * 200, LABELS, rows, stream)
    with (folder / "agreement.html").open("w", encoding="utf-8") as stream:
        agreement_page.write(agreement(), stream)
    return folder


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from open_chromium(tmp_path_factory)


@pytest.fixture
def report(chromium: Any, folder: Path) -> Any:
    chromium.get((folder / "report.html").as_uri())
    return chromium


def choose(driver: Any, name: str, value: str) -> None:
    """Set a control of the first form and wait for the filter to run."""
    driver.execute_script(
        "const control = document.querySelector('form[data-list]').elements[arguments[0]];"
        "control.value = arguments[1]; control.dispatchEvent(new Event('input', {bubbles: true}))",
        name,
        value,
    )
    driver.execute_async_script("setTimeout(arguments[0], 250)")


def shown(driver: Any) -> list[str]:
    visible = [item for item in find(driver, "#errors > .item") if item.is_displayed()]
    [output] = find(driver, "form[data-list=errors] output")
    assert output.text == f"{len(visible)} of {len(find(driver, '#errors > .item'))} shown"
    return [item.get_attribute("data-kind") for item in visible]


@pytest.mark.parametrize("name", ["report.html", "tagged.html", "agreement.html"])
def test_a_page_opens_without_errors_and_runs_only_its_own_script(name: str, chromium: Any, folder: Path) -> None:
    chromium.get((folder / name).as_uri())
    assert chromium.get_log("browser") == []
    assert chromium.execute_script("return window.taken") is None
    assert find(chromium, "form")[0].is_displayed()
    assert chromium.execute_script("return performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize("name", ["report.html", "tagged.html", "agreement.html"])
def test_nothing_is_wider_than_a_phone(name: str, chromium: Any, folder: Path) -> None:
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    chromium.get((folder / name).as_uri())
    widths = chromium.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert widths == [360, 360]


def test_scores_are_read_without_hovering_and_low_ones_are_dashed(chromium: Any, folder: Path) -> None:
    chromium.get((folder / "tagged.html").as_uri())
    scores = [score for score in find(chromium, "#reports .score") if score.is_displayed()]
    assert [score.text for score in scores][:4] == ["0.99", "0.70", "0.80", "0.55"]
    low, sure = find(chromium, "#reports .p.low")[0], find(chromium, "#reports .p:not(.low)")[0]
    assert (low.value_of_css_property("outline-style"), low.get_attribute("title")) == (
        "dashed",
        "LOCATION, score 0.5500",
    )
    assert sure.value_of_css_property("outline-style") == "none"


def test_filters_by_kind_label_and_words(report: Any) -> None:
    everything = shown(report)
    assert everything == ["wrong edges", "wrong label", "wrong label and edges", "missed", "spurious", "missed"]
    choose(report, "kind", "missed")
    assert shown(report) == ["missed", "missed"]
    choose(report, "label", "0")
    assert shown(report) == ["missed"]
    choose(report, "kind", "")
    assert shown(report) == ["wrong label", "wrong label and edges", "spurious", "missed"]  # as gold or as predicted
    choose(report, "search", "somali  ARMY left")
    assert shown(report) == ["wrong label and edges", "spurious"]
    choose(report, "search", "no such words")
    assert shown(report) == []
    find(report, "form[data-list=errors] button")[0].click()
    report.execute_async_script("setTimeout(arguments[0], 50)")
    assert shown(report) == everything


def test_the_surest_errors_first_and_back(report: Any) -> None:
    before = shown(report)
    choose(report, "order", "score")
    assert shown(report)[:3] == ["spurious", "wrong label", "wrong edges"]
    choose(report, "order", "")
    assert shown(report) == before


def test_a_number_leads_to_its_errors(report: Any) -> None:
    find(report, "a[data-kind='wrong label'][data-label='2']")[0].click()
    assert shown(report) == ["wrong label"]


def test_an_error_leads_to_its_report_and_back_even_past_a_filter(report: Any) -> None:
    def in_view(target: str) -> bool:
        script = "const y = document.getElementById(arguments[0]).getBoundingClientRect().y; return y >= 0 && y < 900"
        return bool(report.execute_script(script, target))

    assert not in_view("m6")
    find(report, "#e6 a[href='#m6']")[0].click()
    assert in_view("m6")
    choose(report, "kind", "spurious")
    assert shown(report) == ["spurious"]
    find(report, "#m6")[0].click()
    assert in_view("e6")
    assert len(shown(report)) == 6


def test_differences_are_filtered_by_any_of_their_kinds_and_by_who_differs(chromium: Any, folder: Path) -> None:
    chromium.get((folder / "agreement.html").as_uri())

    def shown_kinds() -> list[str]:
        return [
            item.get_attribute("data-kind") for item in find(chromium, "#differences > .item") if item.is_displayed()
        ]

    everything = shown_kinds()
    assert len(everything) == len(agreement().report.differences)
    choose(chromium, "kind", "only one has it")
    assert 0 < len(shown_kinds()) < len(everything)
    assert all("only one has it" in kinds.split("|") for kinds in shown_kinds())
    choose(chromium, "kind", "")
    choose(chromium, "who", "1")  # the second annotator, whom the two others contradict
    assert shown_kinds() == everything
    choose(chromium, "who", "2")
    assert shown_kinds() == []
    find(chromium, "a[data-kind='different labels']")[0].click()
    assert set(shown_kinds()) == {"different labels"}
    find(chromium, "#m1")[0].click()
    assert find(chromium, "#e1")[0].is_displayed()


def test_without_scripts_everything_is_shown(chromium: Any, folder: Path) -> None:
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    chromium.get((folder / "report.html").as_uri())
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert not [form for form in find(chromium, "form") if form.is_displayed()]
    assert len([item for item in find(chromium, ".item") if item.is_displayed()]) == 9


def test_controls_have_names(report: Any) -> None:
    for control in find(report, "select, input, button, form, [role=region], [role=img]"):
        assert control.accessible_name or not control.is_displayed()
