"""A real Chromium for the tests of pages, and the reason for skipping them where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

DRIVER = shutil.which("chromedriver")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1200,900"
)
NEEDED = {"selenium (in the dev extra)": find_spec("selenium"), "chromium": CHROMIUM, "chromedriver": DRIVER}


def require_browser() -> None:
    """Skip the tests of a module where no browser is installed; fail where one must be."""
    if missing := [name for name, found in NEEDED.items() if not found]:
        reason = f"the pages were not opened in a browser: not installed: {', '.join(missing)}"
        if os.environ.get("CONFLICT_NER_REQUIRE_BROWSER"):  # set by CI: no skip goes unnoticed there
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason, allow_module_level=True)


def open_chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Yield one browser; its driver is named, so that nothing is looked for on the network."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""  # the tests are skipped without one
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.implicitly_wait(0)
    yield driver
    driver.quit()


def find(driver: Any, css: str) -> list[Any]:
    """Return the elements of a page that a selector names."""
    return list(driver.find_elements("css selector", css))
