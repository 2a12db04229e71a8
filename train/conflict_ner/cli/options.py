"""Options that several commands share, and functions that parse their values."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conflict_ner.errors import ConfigError, Problem

if TYPE_CHECKING:
    from conflict_ner.config import ColumnsConfig

DEFAULT_LABELS = "ACTOR,WEAPON,LOCATION,NUMBER"

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
MarkdownFlag = Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")]
LabelsOption = Annotated[str, typer.Option(help="The allowed labels, separated by commas.")]
KindsFlag = Annotated[
    bool, typer.Option("--kinds", help="Take each label with its kinds in the data: NUMBER.killed, not only NUMBER.")
]
GuidelinesOption = Annotated[
    bool | None,
    typer.Option(
        "--guidelines/--no-guidelines",
        help="Refuse or accept punctuation at the edges of mentions, and texts that occur twice in a split; "
        "by default they are refused only if the labels are exactly ACTOR, WEAPON, LOCATION and NUMBER.",
    ),
]

WordOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="The column of the words in CoNLL files, from 1.", show_default="detected"),
]
TagOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="The column of the tags in CoNLL files, from 1.", show_default="detected"),
]

DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")]
ThresholdOption = Annotated[
    list[str] | None,
    typer.Option("--threshold", metavar="LABEL=SCORE", help="Drop a label's entities below a score; may be repeated."),
]

NamesOption = Annotated[
    Path | None,
    typer.Option(
        "--names",
        metavar="FILE",
        help="A list of names that win over the model: CSV with the columns name and label, and if you like aliases "
        "and case (exact or ignore).",
    ),
]

OverwriteFlag = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace a checkpoint of another config or form; it is kept as NAME.previous until the next replacement.",
    ),
]


def conll_columns(word: int | None, tag: int | None) -> ColumnsConfig | None:
    """Return the columns of CoNLL files that the options give; None if they give none."""
    if word is None and tag is None:
        return None
    from conflict_ner.config import ColumnsConfig

    return ColumnsConfig(word=word, tag=tag)


def parse_thresholds(options: Sequence[str]) -> dict[str, float]:
    """Parse options of the form `LABEL=SCORE`; the label may contain `=`.

    Raises:
        ConfigError: with a problem for each option that has another form or repeats a label.
    """
    thresholds: dict[str, float] = {}
    problems = []
    for option in options:
        label, _, value = option.rpartition("=")
        if label in thresholds:
            problems.append(Problem(f"--threshold {option}", f"{label} has one already", "give each label one"))
        try:
            thresholds[label] = float(value)
        except ValueError:
            label = ""
        if not label:
            problems.append(Problem(f"--threshold {option}", "not LABEL=SCORE", "for example WEAPON=0.6"))
    if problems:
        raise ConfigError("the command line", problems)
    return thresholds


def typed_command() -> list[str]:
    """Return the command as the user typed it, for messages that say how to continue."""
    return ["conflict-ner", *sys.argv[1:]]
