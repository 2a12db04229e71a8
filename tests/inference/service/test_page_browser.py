"""The page in a real browser, where one is installed: emoji, copies, errors, narrow screens, hostile text."""

from __future__ import annotations

import csv
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service was not tested: fastapi (the extra serve) is not installed")

from conflict_ner.inference.service.limits import Settings
from helpers.browser import find, open_chromium, require_browser
from helpers.service import Client, StubTagger, running

require_browser()

TEXT = "\U0001f4a3\U0001f1f8\U0001f1e9 <b>hit</b> Goma &amp; El Fasher.\nThen 'Sanaa', \U0001f468\u200d\U0001f469."
FOUND = ["\U0001f4a3", "Goma", "El Fasher", "Sanaa"]
HOSTILE = "</script><script>window.taken = 1</script>"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running(StubTagger(labels=("ACTOR", "LOCATION", HOSTILE)), Settings(max_characters=2_000)) as client:
        yield client


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from open_chromium(tmp_path_factory)


@pytest.fixture
def page(chromium: Any, client: Client) -> Any:
    chromium.get(client.url)
    return chromium


def tag(driver: Any, text: str) -> None:
    """Put a text into the field as pasting does, press the button and wait for the answer."""
    driver.execute_script(
        "const field = document.getElementById('report'); field.value = arguments[0];"
        "field.dispatchEvent(new Event('input'))",
        text,
    )
    find(driver, "#tag")[0].click()
    driver.execute_async_script(
        "const done = arguments[0]; const look = () => document.getElementById('tag').disabled ? setTimeout(look, 10)"
        " : done(); look()"
    )


def copied(driver: Any, button: str) -> str:
    """Press a button and return what it has put into the clipboard."""
    driver.execute_script("window.kept = null; navigator.clipboard.writeText = async (text) => { window.kept = text }")
    find(driver, button)[0].click()
    driver.execute_async_script("setTimeout(arguments[0], 50)")
    assert find(driver, "#message")[0].text.endswith(" copied.")
    return str(driver.execute_script("return window.kept"))


def test_entities_are_where_they_are_though_javascript_counts_otherwise(page: Any) -> None:
    tag(page, TEXT)
    script = "return Array.from(document.querySelectorAll('#tagged mark'), (mark) => mark.firstChild.textContent)"
    assert page.execute_script(script) == FOUND
    shown = page.execute_script(
        "const copy = document.getElementById('tagged').cloneNode(true);"
        "copy.querySelectorAll('b').forEach((chip) => chip.remove()); return copy.textContent"
    )
    assert shown == TEXT
    assert find(page, "#found")[0].text == "4 entities"
    assert find(page, "#legend")[0].text == "LOCATION 4"
    assert find(page, "#tagged mark")[0].text == "\U0001f4a3LOCATION 0.88"
    tag(page, "Nothing.")
    assert find(page, "#found")[0].text == "0 entities"


def test_copies_hold_the_entities_in_code_points(page: Any) -> None:
    tag(page, TEXT)
    report = json.loads(copied(page, "#json"))
    assert report["text"] == TEXT
    assert [TEXT[each["start"] : each["end"]] for each in report["entities"]] == FOUND
    rows = list(csv.DictReader(copied(page, "#csv").splitlines()))
    assert [TEXT[int(row["start"]) : int(row["end"])] for row in rows] == [row["text"] for row in rows] == FOUND
    assert (rows[1]["label"], rows[1]["score"]) == ("LOCATION", "0.875")


def test_without_a_clipboard_the_page_copies_as_browsers_used_to(page: Any) -> None:
    tag(page, TEXT)
    page.execute_script(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
        "document.execCommand = (name) => { window.kept = document.activeElement.value; return name === 'copy' }"
    )
    find(page, "#json")[0].click()
    page.execute_async_script("setTimeout(arguments[0], 50)")
    assert json.loads(page.execute_script("return window.kept"))["text"] == TEXT
    assert find(page, "body > textarea") == []


def test_the_page_asks_no_other_site_and_runs_only_its_own_script(page: Any, client: Client) -> None:
    page.get_log("browser")
    tag(page, f"{TEXT}<img src=x onerror='window.taken = 1'>{HOSTILE}")
    assert page.get_log("browser") == []
    assert page.execute_script("return window.taken") is None
    asked = page.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert set(asked) == {f"{client.url}/tag"}
    policy = client.get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    # The policy is in force: a script of another origin, or one that was not there, does not run.
    page.execute_script(
        "const s = document.createElement('script'); s.text = 'window.taken = 1'; document.body.append(s)"
    )
    assert page.execute_script("return window.taken") is None


@pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 900)])
def test_nothing_is_wider_than_the_screen(width: int, height: int, chromium: Any, client: Client) -> None:
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        chromium.get(client.url)
        tag(chromium, "w" * 600 + " " + TEXT * 5)
        widths = chromium.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        [button] = find(chromium, "#csv")
        assert button.is_displayed()
        assert button.size["height"] >= 44  # a thumb's
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert widths[0] <= width == widths[1]  # a scroll bar takes some of it at a desk


def test_errors_of_the_service_are_shown(page: Any) -> None:
    tag(page, "x" * 2_001)
    assert "text number 0 has 2,001 characters" in find(page, "#message")[0].text
    assert find(page, "#count")[0].text == "2,001 of 2,000 characters"
    assert "error" in find(page, "#count")[0].get_attribute("class")
    tag(page, "Goma")
    assert find(page, "#message")[0].text == ""


def test_a_stopped_service_is_said(chromium: Any) -> None:
    with running(StubTagger()) as client:
        chromium.get(client.url)
    tag(chromium, "Goma")
    assert find(chromium, "#message")[0].text == "The service cannot be reached."


def test_a_key_is_asked_for_by_the_browser_itself(chromium: Any) -> None:
    with running(StubTagger(), Settings(api_key="open sesame")) as client:
        key = urllib.parse.quote("open sesame")
        chromium.get(client.url.replace("http://", f"http://anybody:{key}@"))
        tag(chromium, "Goma")
        assert find(chromium, "#found")[0].text == "1 entity"


def test_controls_have_names(page: Any) -> None:
    tag(page, TEXT)
    for control in find(page, "textarea, input, button, section, [role=status]"):
        assert control.accessible_name or control.get_attribute("role") == "status"
