"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from conflict_ner.errors import ConfigError, Problem

if TYPE_CHECKING:
    from conflict_ner.config import ColumnsConfig

DEFAULT_LABELS = "ACTOR,WEAPON,LOCATION,NUMBER"

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
MarkdownFlag = Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")]
LabelsOption = Annotated[str, typer.Option(help="The labels allowed, with commas between.")]
GuidelinesOption = Annotated[
    bool | None,
    typer.Option(
        "--guidelines/--no-guidelines",
        help="Refuse punctuation at the edges of mentions and a text twice in a split, or take them as they are; "
        "by default refuse them only if the labels are exactly ACTOR, WEAPON, LOCATION and NUMBER.",
    ),
]

WordOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="The column of the words in CoNLL files, from 1.", show_default="found"),
]
TagOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="The column of the tags in CoNLL files, from 1.", show_default="found"),
]

DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")]
ThresholdOption = Annotated[
    list[str] | None,
    typer.Option("--threshold", metavar="LABEL=SCORE", help="Drop a label's entities below a score; may be repeated."),
]

OverwriteFlag = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace a checkpoint of another config or form; it is kept as NAME.previous until the next.",
    ),
]


def columns_of(word: int | None, tag: int | None) -> ColumnsConfig | None:
    """Give the columns that the options name, None if they name none."""
    if word is None and tag is None:
        return None
    from conflict_ner.config import ColumnsConfig

    return ColumnsConfig(word=word, tag=tag)


def parse_thresholds(said: Sequence[str]) -> dict[str, float]:
    """`LABEL=SCORE` a threshold.

    Raises:
        ConfigError: naming each that is not of that form, or is a label's second.
    """
    thresholds: dict[str, float] = {}
    problems = []
    for one in said:
        label, _, value = one.rpartition("=")
        if label in thresholds:
            problems.append(Problem(f"--threshold {one}", f"{label} has one already", "give each label one"))
        try:
            thresholds[label] = float(value)
        except ValueError:
            label = ""
        if not label:
            problems.append(Problem(f"--threshold {one}", "not LABEL=SCORE", "for example WEAPON=0.6"))
    if problems:
        raise ConfigError("the command line", problems)
    return thresholds


def typed_command() -> list[str]:
    """Give the command as the user typed it, for messages that say how to go on."""
    return ["conflict-ner", *sys.argv[1:]]
