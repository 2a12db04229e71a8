"""What the README tells a reader to type is what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from conflict_ner.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND = typer.main.get_command(main.app)
COMMANDS = [line.partition("#")[0].strip() for line in README.splitlines() if line.startswith("conflict-ner ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one_that_the_parser_takes(line: str) -> None:
    name, *arguments = shlex.split(line)[1:]
    commands: dict[str, Any] = vars(COMMAND)["commands"]
    commands[name].make_context(name, arguments)


def test_there_are_commands_to_test() -> None:
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("target", re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE))
def test_every_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


# `[M23](ACTOR)` in the example of a report is a mention and no link.
LINKS = [link for link in re.findall(r"\]\((?!http)([\w./-]+)\)", README) if not link.isupper()]


@pytest.mark.parametrize("link", LINKS)
def test_every_file_linked_exists(link: str) -> None:
    assert (ROOT / link).exists()


def test_every_target_is_explained() -> None:
    targets = re.findall(r"^([a-z]+):(.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert [target for target, rest in targets if "## " not in rest] == []


def test_nothing_is_left_to_fill_in() -> None:
    for file in (ROOT / "README.md", ROOT / "data" / "README.md"):
        assert not re.search(r"\b(MEASURED|TRAIN|VALIDATION|TEST|TODO|TBD)\b", file.read_text(encoding="utf-8"))
