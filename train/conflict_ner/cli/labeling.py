"""The commands for people who label: `review`, which says what to correct or to label next, and `label`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from conflict_ner.cli.options import (
    CheckpointArgument,
    DeviceOption,
    GuidelinesOption,
    MapOption,
    OverwriteFlag,
    TagOption,
    WordOption,
    conll_columns,
    parse_dialect,
    parse_label_map,
    refuse_replacing,
    split_checkpoint,
    typed_command,
)
from conflict_ner.cli.standard_streams import require_output
from conflict_ner.cli.tag_progress import print_hidden
from conflict_ner.cli.train import load_libraries
from conflict_ner.errors import OverwriteError, Problem, ProblemLog, describe_problems, format_count
from conflict_ner.files import atomic_write, is_same_file, short_path

if TYPE_CHECKING:
    from conflict_ner.config import Config
    from conflict_ner.evaluation.gold.label_errors import Review
    from conflict_ner.inference.labeling.next_reports import NextReports

_SHOWN = 20  # findings on a terminal
_FOLDS_OUTPUT = Path("models/review")  # with labeled files; models/review-fold1 and so on
_EXCERPT = 60  # characters of a report in a list


def review(
    checkpoint: CheckpointArgument = None,
    data: Annotated[
        list[Path] | None,
        typer.Argument(help="Labeled files or folders; with --next what `tag` reads; with --folds also a config."),
    ] = None,
    *,
    named: Annotated[
        Path | None, typer.Option("--checkpoint", help="The checkpoint, if it is not the first argument.")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            min=2, help="Review the data, or a config's training reports, by models trained without each part."
        ),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="With --folds: a header key, such as theatre; one value is in one fold.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--next", min=1, metavar="N", help="Choose the N unlabeled reports to label next.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page for a browser here: each finding as gold has it and as read.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write all findings, or the chosen reports, here as JSONL.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print that JSONL on standard output.")] = False,
    show: Annotated[int, typer.Option(min=0, help="How many findings to show on a terminal.")] = _SHOWN,
    lenient_data: Annotated[bool, typer.Option("--skip-faulty", help="Leave out reports with problems.")] = False,
    first_level: Annotated[
        bool, typer.Option("--first-level", help="Review NUMBER.killed as NUMBER, and so each label of two levels.")
    ] = False,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="With --folds: override a setting.")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="With --folds: delete what interrupted runs saved, and start again.")
    ] = False,
    overwrite: OverwriteFlag = False,
    label_map: MapOption = None,
    guidelines: GuidelinesOption = None,
    word: WordOption = None,
    tag: TagOption = None,
    column: Annotated[str | None, typer.Option(help="With --next: the column or key of the text, if not text.")] = None,
    id_column: Annotated[str | None, typer.Option(help="With --next: the column or key of the id, if not id.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="With --next: the character between fields of CSV.")] = None,
    encoding: Annotated[str | None, typer.Option(help="With --next: of text files, for example cp1252.")] = None,
    sheet: Annotated[str | None, typer.Option(help="With --next: the sheet of Excel files.")] = None,
    stdin_form: Annotated[
        str | None, typer.Option("--stdin", help="With --next: the form of standard input: txt, jsonl, csv or tsv.")
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Rank gold mentions by how likely they are wrong, or choose with --next the reports to label next."""
    _refuse_alone(
        "--next",
        count,
        {
            "--column": column,
            "--id-column": id_column,
            "--delimiter": delimiter,
            "--encoding": encoding,
            "--sheet": sheet,
            "--stdin": stdin_form,
        },
    )
    _refuse_alone(
        "--folds", folds, {"--group": group, "--set": overrides, "--restart": restart, "--overwrite": overwrite}
    )
    _refuse_conflicts(count, folds, named, html, output)
    refuse_replacing([checkpoint, *(data or ())], {"--html": html, "--output": output})
    names = parse_label_map(label_map)
    settings = {
        "--skip-faulty": (lenient_data, "data.strict=false"),
        "--first-level": (first_level, "labels=[ACTOR,NUMBER]"),
        "--guidelines": (guidelines is not None, "data.guidelines=false"),
        "--word": (word, "data.columns.word=1"),
        "--tag": (tag, "data.columns.tag=2"),
        "--map": (names, "encoder=FOLDER"),
    }
    if folds and (given := [(name, fix) for name, (value, fix) in settings.items() if value]):
        name, fix = given[0]
        raise typer.BadParameter(f"{name} does not go with --folds, which trains: --set, such as {fix}")
    if as_json or not (html or output):
        require_output()
    if count:
        dialect = parse_dialect(delimiter, encoding, sheet, escape=False)
        model, files = _inputs(checkpoint, data, named)
        reading = {"stdin_form": stdin_form or "txt", "dialect": dialect}
        columns = (column or "text", id_column)
        _choose_next(model, files, count, output, columns, reading, as_json=as_json, device=device)
        return
    if html:
        from conflict_ner.reporting import html_report

        html_report.require()
    # Both files are opened first, so that a missing folder is reported before the work.
    with (
        atomic_write(output) if output else nullcontext() as rows,
        atomic_write(html) if html else nullcontext() as page,
    ):
        if folds:
            config = _fold_config([*filter(None, [checkpoint]), *(data or ())], overrides or (), device)
            found = _review_folds(config, folds, group, restart=restart, overwrite=overwrite)
        else:
            model, files = _inputs(checkpoint, data, named)
            options = {"strict": not lenient_data, "columns": conll_columns(word, tag), "guidelines": guidelines}
            found = _review(model, files, device, first_level=first_level, label_map=names, **options)
        _write(found, rows, page)
    if html:
        print(f"the page is in {short_path(html)}: open it in a browser", file=sys.stderr)
    _print(found, show, as_json=as_json)


def _refuse_alone(option: str, value: int | None, others: Mapping[str, object]) -> None:
    """Refuse options that only go with another one, if that is not given."""
    if value is None and (given := [name for name, other in others.items() if other]):
        raise typer.BadParameter(f"{given[0]} goes with {option}")


def _refuse_conflicts(
    count: int | None, folds: int | None, named: Path | None, html: Path | None, output: Path | None
) -> None:
    if count and folds:
        raise typer.BadParameter("--next and --folds exclude each other; choose one")
    if count and html:
        raise typer.BadParameter("--next makes a list and no page; leave out --html")
    if folds and named:
        raise typer.BadParameter("--folds trains its own checkpoints; leave out --checkpoint")
    if is_same_file(html, output):
        raise typer.BadParameter("--html and --output are one file")


def _inputs(first: Path | None, others: Sequence[Path] | None, named: Path | None) -> tuple[Path, list[Path]]:
    """Return the checkpoint and the files to review."""
    if named is None:
        return split_checkpoint(first, others, "review")
    if first is None:
        raise typer.BadParameter("name what to review")
    from conflict_ner.modeling.hub_cache import find_folder

    return find_folder(named), [first, *(others or ())]


def _review(model: Path, files: Sequence[Path], device: str, **options: Any) -> Review:
    from conflict_ner.inference.labeling.review import review

    left_out: list[Problem] = []
    found = review(model, files, device=device, on_skipped=left_out.append, **options)
    for message in describe_problems(left_out):
        print(f"left out: {message}", file=sys.stderr)
    return found


def _fold_config(files: Sequence[Path], overrides: Sequence[str], device: str) -> Config:
    """Return the config whose training reports are reviewed: a file's, or one made for labeled files."""
    if not files:
        raise typer.BadParameter("name what to review")
    if device != "auto":
        raise typer.BadParameter("--folds trains on the device of the config: --set training.device=cpu")
    if not any(file.suffix.lower() in (".yaml", ".yml") for file in files):
        from conflict_ner.training.multirun import config_for_files

        return config_for_files(files, _FOLDS_OUTPUT, overrides)
    if len(files) > 1:
        raise typer.BadParameter("--folds reviews the training reports of one config, or labeled files; name either")
    from conflict_ner.config import load_config

    return load_config(files[0], overrides)


def _review_folds(config: Config, folds: int, group: str | None, **work: bool) -> Review:
    """Train without each fold of a config's training reports, and review that fold."""
    try:
        console = load_libraries()
        from conflict_ner.training.multirun import review_folds

        return review_folds(config, folds, group, **work, console=console)
    except OverwriteError as error:
        raise error.for_command(typed_command()) from None
    except KeyboardInterrupt:
        raise KeyboardInterrupt("models that are trained are safe; the same command goes on") from None


def _write(found: Review, rows: TextIO | None, page: TextIO | None) -> None:
    from conflict_ner.evaluation.gold import label_errors
    from conflict_ner.reporting import review_page

    if rows:
        rows.writelines(label_errors.dump(found))
    if page:
        review_page.write(found, page)


def _print(found: Review, show: int, *, as_json: bool) -> None:
    from conflict_ner.evaluation.gold import label_errors
    from conflict_ner.reporting import review_page

    if as_json:
        sys.stdout.writelines(label_errors.dump(found))
    else:
        review_page.show(found, show)


def _choose_next(
    model: Path,
    files: Sequence[Path],
    count: int,
    output: Path | None,
    columns: tuple[str, str | None],
    reading: Mapping[str, Any],
    *,
    as_json: bool,
    device: str,
) -> None:
    """Choose the reports to label next, and print or write them; exit with 1 if some input could not be read."""
    from conflict_ner.inference.files import sources
    from conflict_ner.inference.files.sinks import line
    from conflict_ner.inference.files.table_readers import Columns
    from conflict_ner.inference.labeling.next_reports import next_reports
    from conflict_ner.inference.tagger import Tagger

    problems = ProblemLog(lambda message: print(message, file=sys.stderr))
    hidden: set[str] = set()
    with atomic_write(output) if output else nullcontext() as rows:
        inputs = sources.expand(files, problems, hidden)
        texts = sources.read_sources(inputs, problems, columns=Columns(*columns), hidden=hidden, **reading)
        found = next_reports(Tagger.load(model, device, precision="fp32"), texts, count)
        problems.show_rest()
        print_hidden(hidden)
        if not found.chosen:
            print("nothing is chosen: no report could be read", file=sys.stderr)
            raise typer.Exit(1)
        records = [line(candidate.to_record()) for candidate in found.chosen]
        if rows:
            rows.writelines(records)
    if as_json:
        sys.stdout.writelines(records)
    else:
        _print_next(found)
    _print_left_out(found, count)
    if problems.count:
        raise typer.Exit(1)


def _print_next(found: NextReports) -> None:
    from conflict_ner.reporting.console import ConsoleTable, print_table
    from conflict_ner.reporting.review_page import shorten

    rows = [
        (f"{rank:,}", f"{candidate.uncertainty:.3f}", str(candidate.id), shorten(candidate.text, _EXCERPT))
        for rank, candidate in enumerate(found.chosen, start=1)
    ]
    title = f"what to label next, of {format_count(found.read, 'report')}"
    print_table(ConsoleTable(("rank", "uncertainty", "id", "text"), rows, title, text_columns=("id", "text")))


def _print_left_out(found: NextReports, count: int) -> None:
    """Print on standard error what was not chosen and why, and whether that left too few."""
    reasons = {"copies": found.copies, "known from training": found.learned, "empty": found.empty}
    if notes := [f"{reason} {number:,}" for reason, number in reasons.items() if number]:
        print(f"note: left out: {', '.join(notes)}", file=sys.stderr)
    if len(found.chosen) < count:
        print(f"note: there are only {len(found.chosen):,} reports that differ enough", file=sys.stderr)


def label(
    checkpoint: Annotated[Path, typer.Argument(help="The checkpoint that labels them, such as models/quality.")],
    reports: Annotated[
        Path, typer.Argument(help="Reports without labels or with silver ones: .md, .jsonl, or a folder.")
    ],
    out: Annotated[Path, typer.Argument(help="The folder to write .md files to; it may be the same.")],
    *,
    label_map: MapOption = None,
    device: DeviceOption = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of these names in the folder.")] = False,
) -> None:
    """Label reports with a checkpoint and mark them as silver, for another model to learn from."""
    from conflict_ner.inference.labeling.silver_labels import label_files

    names = parse_label_map(label_map)
    count = label_files(checkpoint, reports, out, device, overwrite=overwrite, label_map=names)
    print(f"{format_count(count, 'silver report')} written to {short_path(out)}", file=sys.stderr)
