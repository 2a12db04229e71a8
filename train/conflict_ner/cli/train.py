"""The commands `train`, for one run or several runs of a config, and `config`."""

from __future__ import annotations

import glob
import importlib
import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from conflict_ner.cli.options import JsonFlag, MarkdownFlag, OverwriteFlag, typed_command
from conflict_ner.errors import OverwriteError
from conflict_ner.files import short_path
from conflict_ner.reporting.console import ConsoleTable, open_console, print_table, print_wrapped

if TYPE_CHECKING:
    from rich.console import Console

    from conflict_ner.checkpoint import Checkpoint
    from conflict_ner.config import Config
    from conflict_ner.evaluation.series.outcomes import Outcomes


class _EarlierWork(TypedDict):
    """What to do with the work of an earlier run."""

    resume: bool
    restart: bool
    overwrite: bool


def train(
    config: Annotated[
        Path,
        typer.Argument(
            help="A run's YAML, such as configs/default.yaml; or labeled reports, a fifth of which then chooses the "
            "best epoch."
        ),
    ],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; may be repeated.")
    ] = None,
    *,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run of this config.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Delete what an interrupted run saved, and start again.")
    ] = False,
    overwrite: OverwriteFlag = False,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many runs to train, each with the next seed.")] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            min=2, help="Cross-validate: divide the training data into this many parts and hold out each in turn."
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(help="With --folds: a header key, such as theatre; reports with one value are held out together."),
    ] = None,
    search: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Try N combinations of the settings in the section search, and write the best config.",
        ),
    ] = None,
    as_json: JsonFlag = False,
    as_markdown: MarkdownFlag = False,
) -> None:
    """Train, evaluate and export a checkpoint, or several with --seeds or --folds; or search for better settings.

    On several GPUs: accelerate launch --multi_gpu -m conflict_ner train CONFIG
    """
    if sum(option is not None for option in (seeds, folds, search)) > 1:
        raise typer.BadParameter("--seeds, --folds and --search exclude each other; choose one")
    if search and overwrite:
        raise typer.BadParameter("--search exports nothing, so there is nothing to --overwrite")
    if group and not folds:
        raise typer.BadParameter("--group needs --folds")
    if resume and restart:
        raise typer.BadParameter("--resume goes on with an interrupted run, --restart deletes it; choose one")
    series = "seed" if seeds else "fold" if folds else "search" if search else None
    outputs: list[Path] = []
    try:
        settings = _load_settings(config, overrides or ())
        outputs.append(settings.output)
        output_format = {"as_json": as_json, "as_markdown": as_markdown}
        work: _EarlierWork = {"resume": resume, "restart": restart, "overwrite": overwrite}
        if search:
            _search(settings, search, resume, restart, output_format)
        elif series:
            _train_series(settings, seeds, folds, group, work, output_format)
        else:
            _train_once(settings, work, output_format)
    except OverwriteError as error:
        raise error.for_command(typed_command()) from None
    except KeyboardInterrupt:
        # `main` prints it in one line, and exits with 130.
        raise KeyboardInterrupt(_describe_saved_work(outputs[0] if outputs else None, series)) from None


def _load_settings(path: Path, overrides: Sequence[str]) -> Config:
    """Return the config in a file; of labeled reports, one that trains on them, and print what it is."""
    from conflict_ner.config import load_config
    from conflict_ner.data.formats.registry import detect_format

    if path.suffix.lower() in (".yaml", ".yml") or not (path.is_dir() or (path.is_file() and detect_format(path))):
        return load_config(path, overrides)
    from conflict_ner.data.splits import config_of_reports

    settings = config_of_reports(path, overrides)
    share = settings.data.validation_share
    split = f"{share:.0%} of the reports choose the best epoch" if share else "its splits are kept"
    print(
        f"note: {path} is no config: its labels are learned ({', '.join(settings.labels)}), {split}, the checkpoint is "
        f"written to {short_path(settings.output)}; --set changes settings",
        file=sys.stderr,
    )
    return settings


def print_config(
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/config.md.")] = False,
) -> None:
    """Print a config to start from: every setting with its meaning, its default and its allowed values."""
    from conflict_ner.reporting import config_reference

    print(config_reference.page() if as_markdown else config_reference.starting_config(), end="")


def _describe_saved_work(output: Path | None, series: str | None) -> str:
    """Return what an interrupted run has saved, and the command that continues it."""
    command = [part for part in typed_command() if part not in ("--resume", "--restart")]
    if output is None:
        return "nothing was begun"
    from conflict_ner.training.history import last_state

    pattern = f"{glob.escape(output.name)}{f'-{series}*' if series else ''}.training"
    if series == "search":
        pattern = f"{glob.escape(output.name)}-search/trial-*.training"
    saved = {folder: state for folder in output.parent.glob(pattern) if (state := last_state(folder))}
    if saved:
        epochs = sum(len(state.history) for state in saved.values())
        folders = ", ".join(short_path(folder) for folder in sorted(saved))
        return f"epochs that are safe in {folders}: {epochs}; to go on: {shlex.join([*command, '--resume'])}"
    if series:
        return f"runs that were finished are safe; to go on: {shlex.join([*command, '--resume'])}"
    return f"no epoch is saved yet; to start anew: {shlex.join(command)}"


def _train_once(settings: Config, work: _EarlierWork, output_format: dict[str, bool]) -> None:
    from conflict_ner.training.saved_epochs import refuse_lost_work

    refuse_lost_work(settings, **work)  # before PyTorch is loaded, which takes seconds
    console = load_libraries()
    from accelerate import PartialState

    from conflict_ner.training import run

    checkpoint = run.train(settings, **work, console=console)
    if PartialState().is_main_process:
        _print_run(checkpoint, **output_format)


def _train_series(
    settings: Config,
    seeds: int | None,
    folds: int | None,
    group: str | None,
    work: _EarlierWork,
    output_format: dict[str, bool],
) -> None:
    console = load_libraries()
    from accelerate import PartialState

    from conflict_ner.evaluation.series import outcomes as series
    from conflict_ner.training import multirun

    runs = multirun.with_seeds(settings, seeds) if seeds else multirun.with_folds(settings, folds or 0, group)
    outcomes = multirun.train_all(runs, **work, base=settings.output, console=console)
    if PartialState().is_main_process:
        file = settings.output.with_name(f"{settings.output.name}-{'seeds' if seeds else 'folds'}.json")
        series.write(outcomes, file)
        _print_runs(outcomes, file, **output_format)
        if folds and not group:
            print("folds are over single reports; --group FIELD keeps those of one conflict together", file=sys.stderr)


def _search(settings: Config, trials: int, resume: bool, restart: bool, output_format: dict[str, bool]) -> None:
    from conflict_ner.reporting import tables
    from conflict_ner.training.search import results

    results.require()  # before PyTorch is loaded, which takes seconds
    console = load_libraries()
    from conflict_ner.training.search import study

    found = study.search(settings, trials, resume=resume, restart=restart, console=console)
    headings, rows = results.table(found)
    if output_format["as_json"]:
        print(found.model_dump_json(indent=2))
    elif output_format["as_markdown"]:
        print(tables.markdown_rows(headings, rows))
    else:
        print_table(ConsoleTable(headings, rows, "F1 in per cent"), open_console())
    folder = short_path(found.folder)
    print(
        f"table and picture are in {folder}; the best again: conflict-ner train {folder}/{results.BEST}",
        file=sys.stderr,
    )
    print(results.CAVEAT, file=sys.stderr)


def load_libraries() -> Console:
    """Import the training libraries, which takes seconds, and return the console for progress."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("loading PyTorch and transformers") if console.is_terminal else nullcontext():
        importlib.import_module("conflict_ner.training.run")
    return console


def _print_run(checkpoint: Checkpoint, *, as_json: bool, as_markdown: bool) -> None:
    from conflict_ner.reporting import tables

    if as_json:
        scores = {split: report.model_dump(mode="json") for split, report in checkpoint.scores.items()}
        print(json.dumps({"checkpoint": str(checkpoint.folder), "scores": scores}, indent=2))
        return
    if as_markdown:
        print("\n\n".join(f"{split}:\n\n{tables.markdown(report)}" for split, report in checkpoint.scores.items()))
        return
    output = open_console()
    for split, report in checkpoint.scores.items():
        print_table(tables.table(report, split), output)
    _print_usage(output, checkpoint.folder)


def _print_usage(output: Console, folder: Path) -> None:
    path = short_path(folder)
    print_wrapped(f"\nThe checkpoint is in {path}. Load it with:\n", output)
    output.print(
        "    from conflict_ner import Tagger\n\n"
        f'    tagger = Tagger.load("{path}")\n'
        '    for entity in tagger.tag("At least 19 fighters died in a drone strike near El Fasher."):\n'
        "        print(entity.label, entity.text, entity.start, entity.end, entity.score)\n",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _print_runs(outcomes: Outcomes, file: Path, *, as_json: bool, as_markdown: bool) -> None:
    from conflict_ner.reporting import tables
    from conflict_ner.training import multirun

    if as_json:
        print(outcomes.model_dump_json(indent=2))
        return
    headings, body = multirun.table(outcomes)
    if as_markdown:
        print(tables.markdown_rows(headings, body))
    else:
        _print_runs_table(headings, body)
    print(f"the checkpoints are in {short_path(file.parent)}, these figures in {short_path(file)}", file=sys.stderr)


def _print_runs_table(headings: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """Print the table, and after it the checkpoints and what the folds hold out, which may be long."""
    figure_headings = [heading for heading in headings if heading not in ("checkpoint", "held out")]
    figures = [cells[: len(figure_headings)] for cells in body]
    console = open_console()
    print_table(ConsoleTable(figure_headings, figures, "F1 in per cent", bold_rows=("mean",)), console)
    console.print()
    for name, *_, folder, held_out in ((*cells, "")[: len(figure_headings) + 2] for cells in body[:-2]):
        print_wrapped(f"{name} is in {folder}" + (f"; it holds out {held_out}" if held_out else ""), console)
