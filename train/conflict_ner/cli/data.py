"""The commands for labeled data: check it, convert it, hold two readings of it together."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conflict_ner.cli.options import (
    DEFAULT_LABELS,
    GuidelinesOption,
    JsonFlag,
    LabelsOption,
    MarkdownFlag,
    TagOption,
    WordOption,
    columns_of,
)
from conflict_ner.data.formats.file_search import printable
from conflict_ner.errors import DataError
from conflict_ner.files import atomic_write

if TYPE_CHECKING:
    from conflict_ner.config import ColumnsConfig


def check(
    data: Annotated[Path, typer.Argument(help="A file of labeled reports, a folder of them, or a run's config.")],
    labels: LabelsOption = DEFAULT_LABELS,
    group: Annotated[
        str | None, typer.Option(help="A header key that each report must have and no two splits may share.")
    ] = None,
    guidelines: GuidelinesOption = None,
    hints: Annotated[bool, typer.Option("--hints", help="List words labeled in two ways, to be read again.")] = False,
    word: WordOption = None,
    tag: TagOption = None,
    as_json: JsonFlag = False,
    as_markdown: MarkdownFlag = False,
) -> None:
    """Check labeled reports and count what is in them.

    A folder with train, validation and test folders in it is checked as those splits,
    also for reports that stand in two of them.
    """
    from conflict_ner.data import consistency, corpus
    from conflict_ner.reporting import tables

    paths, names, allow_copies, configured, columns = _splits(data, labels)
    held = configured if guidelines is None else guidelines
    columns = columns_of(word, tag) or columns
    try:
        loaded = corpus.load(paths, names, group=group, allow_copies=allow_copies, guidelines=held, columns=columns)
    except DataError as error:
        if as_json:
            faults = [{"where": p.where, "what": p.what, "fix": p.fix} for p in error.problems]
            print(json.dumps({"ok": False, "problems": faults}, indent=2))
            raise typer.Exit(1) from None
        raise
    counted = {split: loaded.summary(split, names) for split in paths}
    found = consistency.find_hints([document for split in paths for document in loaded[split]]) if hints else []
    if as_json:
        print(json.dumps({"ok": True, "splits": counted, "hints": [str(hint) for hint in found]}, indent=2))
        return
    for hint in found:
        print(hint)
    tables.show_counts(counted, names, as_markdown=as_markdown)


def convert(
    source: Annotated[Path, typer.Argument(help="A .md or .jsonl file, or a benchmark's .conll.")],
    target: Annotated[Path, typer.Argument(help="The file to write, with the other ending.")],
    word: WordOption = None,
    tag: TagOption = None,
) -> None:
    """Turn labeled reports from one form into the other; nothing of a report is lost."""
    from conflict_ner.data import corpus

    form = corpus.FORMATS.get(target.suffix.lower())
    if form is None:
        raise typer.BadParameter(f"{target}: the form is told by its ending, .md or .jsonl")
    documents, problems = corpus.read([source], columns_of(word, tag))
    if problems:
        raise DataError(problems)
    if target.exists() and target.samefile(source):
        raise typer.BadParameter("source and target are one file")
    with atomic_write(target) as stream:
        stream.write(form.dump(documents))
    print(f"{len(documents):,} reports written to {printable(target)}", file=sys.stderr)


def agree(
    first: Annotated[Path, typer.Argument(help="Labeled reports: a file or a folder.")],
    second: Annotated[Path, typer.Argument(help="The same reports, labeled by somebody else.")],
    labels: LabelsOption = DEFAULT_LABELS,
    guidelines: GuidelinesOption = None,
    word: WordOption = None,
    tag: TagOption = None,
    as_json: JsonFlag = False,
    as_markdown: MarkdownFlag = False,
) -> None:
    """How far two labelings of the same reports agree: strict F1, the first taken as gold."""
    from conflict_ner.evaluation import agreement
    from conflict_ner.reporting import tables

    report = agreement.agreement(first, second, _names(labels), guidelines=guidelines, columns=columns_of(word, tag))
    tables.show(report, f"{second} against {first}", as_json=as_json, as_markdown=as_markdown)


def _names(labels: str) -> tuple[str, ...]:
    return tuple(label.strip() for label in labels.split(",") if label.strip())


def _splits(
    data: Path, labels: str
) -> tuple[Mapping[str, list[Path]], tuple[str, ...], bool, bool | None, ColumnsConfig | None]:
    """Give the splits that a path names, the labels allowed in them, and what a config says of the data.

    That is: whether copies are allowed, whether the guidelines hold, the columns of CoNLL files.
    """
    from conflict_ner.config import load_config
    from conflict_ner.data import corpus

    if data.suffix.lower() not in (".yaml", ".yml"):
        return corpus.find_splits(data), _names(labels), False, None, None
    config = load_config(data)
    named = {split: list(getattr(config.data, split)) for split in corpus.SPLITS}
    paths = {split: entries for split, entries in named.items() if entries}
    return paths, config.labels, config.data.allow_copies, config.data.guidelines, config.data.columns
