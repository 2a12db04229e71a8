"""The reference of settings is complete and current, and the starting config can be trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.config import Config, load_config
from conflict_ner.reporting.config_reference import page, settings, starting_config
from helpers.command import conflict_ner

ROOT = Path(__file__).parents[2]


def test_every_setting_has_a_meaning() -> None:
    assert [setting.key for setting in settings() if not setting.meaning] == []


def test_the_page_is_current() -> None:
    fix = "run: conflict-ner config --markdown > docs/config.md"
    assert (ROOT / "docs" / "config.md").read_text(encoding="utf-8") == page(), fix


def test_the_page_and_the_config_name_every_setting() -> None:
    written, config = page(), starting_config()
    for setting in settings():
        assert f"`{setting.name}`" in written
        assert f"{setting.name}:" in config or setting.key.startswith("data.fold")


def test_the_printed_config_is_one_that_trains_on_the_shipped_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = conflict_ner(capsys, "config")
    assert code == 0
    (tmp_path / "mine.yaml").write_text(out, encoding="utf-8")
    config = load_config(tmp_path / "mine.yaml")
    assert config.encoding == Config.model_fields["encoding"].default
    assert config.training == Config.model_fields["training"].default
    for split in ("train", "validation", "test"):
        for path in getattr(config.data, split):
            assert (ROOT / path.relative_to(tmp_path)).is_dir()
    assert conflict_ner(capsys, "config", "--markdown") == (0, page(), "")
