"""Options that several commands share, and functions that parse their values."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conflict_ner import __version__
from conflict_ner.errors import CheckpointError, ConfigError, Problem
from conflict_ner.files import is_device

if TYPE_CHECKING:
    from conflict_ner.config import ColumnsConfig
    from conflict_ner.data.formats.format import ReadOptions
    from conflict_ner.inference.files.table_readers import Dialect

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

AnnotatorOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Whose annotations to read, where several people labeled a report."),
]
PredictionsFlag = Annotated[
    bool, typer.Option("--predictions", help="Read a model's predictions instead of the annotations.")
]
SkippedFlag = Annotated[
    bool, typer.Option("--skipped", help="Also read reports that annotators skipped, cancelled or rejected.")
]
HullFlag = Annotated[
    bool, typer.Option("--hull", help="Read a mention of several parts as one, from the first part to the last.")
]

KeepScoresFlag = Annotated[
    bool, typer.Option("--keep-scores", help="Keep the scores that `tag` wrote, as metadata; otherwise they go.")
]
TrimFlag = Annotated[
    bool, typer.Option("--trim", help="Leave white space and punctuation at the edges of mentions outside, and count.")
]
LayerOption = Annotated[
    str | None,
    typer.Option(
        metavar="LAYER",
        help="The layer of INCEpTION that holds the mentions, or LAYER.FEATURE.",
        show_default="the only one",
    ),
]

SchemeOption = Annotated[
    str | None,
    typer.Option(
        metavar="SCHEME",
        help="The scheme of the tags of words: IOB1, IOB2, IOE1, IOE2, BIOES, BILOU, BMES or IO.",
        show_default="decided by the tags",
    ),
]

TagNamesOption = Annotated[
    str | None,
    typer.Option(
        metavar="O,B-...",
        help="The names of tags that are numbers, in their order from 0, separated by commas.",
        show_default="those in the file",
    ),
]

CheckpointArgument = Annotated[
    Path | None,
    typer.Argument(
        help="A checkpoint's folder, a transformers token classifier (a folder, or a hub id in the local cache), or by "
        "default the model that comes with conflict-ner."
    ),
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="LABEL=NAME,...",
        help="For a transformers token classifier that was trained elsewhere: what each of its labels is called here, "
        "such as PER=ACTOR,LOC=LOCATION; labels that are not named are left out. May be repeated.",
    ),
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


def split_checkpoint(
    first: Path | None, others: Sequence[Path] | None, purpose: str, *, alone: bool = False
) -> tuple[Path, list[Path]]:
    """Return the checkpoint that a command's arguments begin with, and the inputs: the arguments after it.

    Where no checkpoint is named, it is the model that comes with the package; a line on standard error says so.

    Args:
        first: the first argument: a checkpoint, or the first input.
        others: the arguments after it.
        purpose: what the command does with the inputs, for messages.
        alone: a checkpoint without inputs is accepted.

    Raises:
        CheckpointError: if the first argument is neither a checkpoint nor an input that exists, or no checkpoint is
            named and the package was built without its model.
    """
    from conflict_ner.checkpoint import is_checkpoint, shipped_model
    from conflict_ner.modeling.hub_cache import find_folder, missing_folder_advice

    others = list(others or ())
    if first is None:
        raise typer.BadParameter(f"name what to {purpose}")
    if is_checkpoint(folder := find_folder(first)):
        if not others and not alone:
            raise typer.BadParameter(f"{first} is a checkpoint; name what to {purpose} after it")
        return folder, others
    # A mistyped checkpoint is not to be reported as one of many inputs, while another model works on the others.
    if first != Path("-") and not os.path.lexists(first):
        advice = missing_folder_advice(first)
        raise CheckpointError(f"{first}: no such file or folder to {purpose}, and no such checkpoint folder; {advice}")
    if (misplaced := next(filter(is_checkpoint, others), None)) is not None:
        raise typer.BadParameter(f"{misplaced} is a checkpoint; name it before what to {purpose}")
    model = shipped_model()
    print(f"note: no checkpoint is named: using the model {model.name} of conflict-ner {__version__}", file=sys.stderr)
    return model, [first, *others]


def conll_columns(word: int | None, tag: int | None) -> ColumnsConfig | None:
    """Return the columns of CoNLL files that the options give; None if they give none."""
    if word is None and tag is None:
        return None
    from conflict_ner.config import ColumnsConfig

    return ColumnsConfig(word=word, tag=tag)


def parse_labels(option: str) -> tuple[str, ...]:
    """Return the labels that an option names, separated by commas."""
    return tuple(label.strip() for label in option.split(",") if label.strip())


def read_options(word: int | None, tag: int | None, tag_names: str | None, **others: Any) -> ReadOptions:
    """Return the choices of reading that the options give.

    Args:
        word, tag: the columns of CoNLL files.
        tag_names: names of tags, separated by commas.
        others: further fields of `ReadOptions`.
    """
    from conflict_ner.data.formats.format import ReadOptions

    names = tuple(name.strip() for name in tag_names.split(",")) if tag_names else None
    return ReadOptions(columns=conll_columns(word, tag), tag_names=names, **others)


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


def parse_label_map(options: Sequence[str] | None) -> dict[str, str] | None:
    """Parse options of the form `LABEL=NAME,LABEL=NAME`; None if there are none. The name may be empty.

    Raises:
        ConfigError: with a problem for each part that has another form or repeats a label.
    """
    names: dict[str, str] = {}
    problems = []
    for part in (part.strip() for option in options or () for part in option.split(",")):
        label, equals, name = map(str.strip, part.rpartition("="))
        if not equals or not label:
            fix = "for example PER=ACTOR, or PER= to leave PER out"
            problems.append(Problem(f"--map {part}", "not LABEL=NAME", fix))
        elif label in names:
            problems.append(Problem(f"--map {part}", f"{label} has a name already", "give each label one"))
        else:
            names[label] = name
    if problems:
        raise ConfigError("the command line", problems)
    return names if options else None


def refuse_replacing(inputs: Iterable[Path | None], outputs: Mapping[str, Path | None]) -> None:
    """Raise if an output would replace a file that the command reads.

    Args:
        inputs: files, and folders of reports.
        outputs: by the option that names each.
    """
    from conflict_ner.data.formats.report_files import search

    if not any(outputs.values()):
        return
    entries = filter(None, inputs)
    files = (file for entry in entries for file in (search(entry).files if entry.is_dir() else [entry]))
    if replaced := find_replaced(files, outputs):
        option, file = replaced
        raise typer.BadParameter(f"{option} {outputs[option]} would replace {file}, which is read; write it elsewhere")


def find_replaced(files: Iterable[Path], outputs: Mapping[str, Path | None]) -> tuple[str, Path] | None:
    """Return the option whose output is one of these files, or in one that is a folder, and that file; None if none is.

    An output is resolved once, however many files there are.
    """
    places = {
        place: option
        for option, output in outputs.items()
        if output and not is_device(output)
        for place in (output.resolve(), *output.resolve().parents)
    }
    found = ((places.get(file.resolve()), file) for file in files if places)
    return next(((option, file) for option, file in found if option), None)


def typed_command() -> list[str]:
    """Return the command as the user typed it, for messages that say how to continue."""
    return ["conflict-ner", *sys.argv[1:]]


def parse_delimiter(option: str, delimiter: str | None) -> str | None:
    """Return the character that an option names.

    Raises:
        typer.BadParameter: if it is not one character, or one that has another meaning in CSV.
    """
    if delimiter in ("tab", "\\t"):
        return "\t"
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\\'):
        raise typer.BadParameter(f"{option} is one character, for example ';', or tab")
    return delimiter


def parse_dialect(delimiter: str | None, encoding: str | None, sheet: str | None, *, escape: bool) -> Dialect:
    """Return how text files and sheets are read, as options say; refuse an encoding that is not known."""
    from conflict_ner.data.text_files.encodings import is_known_encoding
    from conflict_ner.inference.files.table_readers import Dialect

    delimiter = parse_delimiter("--delimiter", delimiter)
    if encoding is not None and not is_known_encoding(encoding):
        raise typer.BadParameter(f"--encoding {encoding} is not known; cp1252, cp1251 and utf-16 are, for example")
    return Dialect(delimiter, encoding, escape, sheet)
