"""docs/api.md has a section for each public name, and its examples run."""

from __future__ import annotations

import inspect
import re
import shutil
from pathlib import Path
from typing import Any

import conflict_ner
import pytest
from conflict_ner.config import dump_config
from conflict_ner.export.checkpoint_writer import copy_checkpoint
from helpers.runs import REPORTS, make_config, validation_copy
from helpers.tracing import traced_once

PAGE = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
SECTIONS = {
    heading.replace("\\", ""): text for heading, text in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE)
}
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
TEST_REPORTS = """\
=== s-1
theatre: Somewhere

[Police](ACTOR) in [Kabul](LOCATION) said that [two](NUMBER) [missiles](WEAPON) hit a bridge at noon.

=== s-2
theatre: Elsewhere

No [fighters](ACTOR) were seen in [Sanaa](LOCATION) after the [drone](WEAPON) attack of Monday night.
"""


def test_each_public_name_has_a_section_with_an_example() -> None:
    assert sorted(SECTIONS) == sorted(conflict_ner.__all__)
    assert [name for name, text in SECTIONS.items() if not BLOCK.search(text)] == []


@pytest.mark.parametrize(
    "name", ["agree", "evaluate", "export_onnx", "load_corpus", "load_config", "compare", "convert", "train"]
)
def test_a_section_names_every_parameter(name: str) -> None:
    undocumented = {"data"} if name == "train" else {"first", "second"}
    for parameter in set(inspect.signature(getattr(conflict_ner, name)).parameters) - undocumented:
        assert re.search(rf"\b{parameter}\b", SECTIONS[name]), parameter


@pytest.mark.parametrize("name", ["Agreement", "Entity", "Mention", "Document", "Evaluation", "Checkpoint", "Config"])
def test_a_section_names_the_fields(name: str) -> None:
    fields = set(inspect.signature(getattr(conflict_ner, name)).parameters) - {"places", "is_valid"}
    assert {field for field in fields if not re.search(rf"\b{field}\b", SECTIONS[name])} == set()


def test_every_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        name, _, anchor = link.partition("#")
        file = Path(__file__).parents[1] / "docs" / (name or "api.md")
        assert file.exists()
        headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE) if anchor else ()
        assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}


@pytest.mark.usefixtures("verified_here")
def test_the_examples_run(
    tmp_path: Path,
    checkpoint_folder: Path,
    encoder_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    traces: Path,
) -> None:
    """In order, in one namespace, in a folder with a checkpoint, a config and data under the names of the README."""
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    for split, text in (("train", REPORTS), ("test", TEST_REPORTS)):
        folder = tmp_path / "data" / split
        folder.mkdir(parents=True)
        (folder / "reports.md").write_text(text, encoding="utf-8")
    (tmp_path / "data" / "validation").mkdir()
    shutil.move(validation_copy(tmp_path), tmp_path / "data" / "validation")
    copy_checkpoint(checkpoint_folder, tmp_path / "models" / "default")
    config = make_config(tmp_path / "data" / "validation", encoder_folder, tmp_path / "data" / "train")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "default.yaml").write_text(dump_config(config, tmp_path / "configs"), encoding="utf-8")
    namespace: dict[str, Any] = {}
    with traced_once(traces):
        for block in BLOCK.findall(PAGE):
            exec(compile(block, "docs/api.md", "exec"), namespace)
    printed = capsys.readouterr().out
    assert "NUMBER At least 19 0 11 0." in printed
    assert "['Rebels', 'Goma']\n2 models/quick\n" in printed.replace(str(tmp_path) + "/", "")
    assert "the mentions of all 3 labeled reports are identical\n" in printed
    assert printed.endswith(f"`conflict-ner train CONFIG` makes one\n{conflict_ner.__version__}\n")
