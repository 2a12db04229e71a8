"""The commands `benchmark`, which measures speed on the user's machine, and `tradeoff`, which adds what speed costs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from conflict_ner.cli.options import CheckpointArgument, DeviceOption, JsonFlag, MarkdownFlag, split_checkpoint

PRECISIONS = ("auto", "fp32", "bf16")


def benchmark(
    checkpoint: CheckpointArgument = None,
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Labeled .md or .jsonl, plain .txt, or folders of them; by default the test split of CHECKPOINT."
        ),
    ] = None,
    *,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            "--export",
            metavar="SYSTEM",
            help="Also measure another checkpoint, an export of this one, or spacy:NAME, a pipeline of spaCy's (a "
            "folder, an installed module, or a name that spacy.load knows); may be repeated.",
        ),
    ] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="Precision of CHECKPOINT's Tagger: auto, fp32 or bf16; may be repeated.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How many times each system is measured.")] = 5,
    reports: Annotated[
        int | None, typer.Option(min=1, help="Reports to tag in each round; the texts are repeated.")
    ] = None,
    scale: Annotated[
        str,
        typer.Option(
            metavar="N,N...", help="Also measure speed and memory with these numbers of reports, such as 1000,100000."
        ),
    ] = "",
    train: Annotated[
        Path | None,
        typer.Option(metavar="CONFIG", help="Also measure training: this config against transformers' run_ner.py."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a setting of the --train config; may be repeated."),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=0, help="With --train: how many full trainings of each system to score.")
    ] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of each system; by default one for each physical core.")
    ] = None,
    device: DeviceOption = "auto",
    cold: Annotated[bool, typer.Option(help="Also measure cold start and memory, in fresh processes.")] = True,
    as_json: JsonFlag = False,
    as_markdown: MarkdownFlag = False,
) -> None:
    """Measure how fast a checkpoint tags here, against transformers.pipeline, spaCy and the machine's limit.

    With --train also how fast a config trains, against transformers' example; CHECKPOINT and DATA may then be left out.
    """
    if not checkpoint and not train:
        raise typer.BadParameter("name a CHECKPOINT, DATA, or a config with --train")
    if overrides and not train:
        raise typer.BadParameter("--set changes the config of --train; name one")
    for name in precision or ():
        if name not in PRECISIONS:
            raise typer.BadParameter(f"--precision is one of {', '.join(PRECISIONS)}")
    sizes = _parse_sizes(scale)
    from conflict_ner.benchmark import tables
    from conflict_ner.benchmark.cold_start import BenchmarkOptions
    from conflict_ner.config import load_config

    # A wrong config is reported at once, not after minutes of measuring.
    config = load_config(train, overrides or ()) if train else None
    options = BenchmarkOptions(rounds=rounds, reports=reports, scale=sizes, cold=cold, log=_log)
    tagging = training = None
    if checkpoint:
        from conflict_ner.benchmark.tagging import measure_tagging

        model, entries = split_checkpoint(checkpoint, data, "measure with", alone=True)
        precisions = precision or ("auto",)
        tagging = measure_tagging(model, entries, others or (), precisions, threads, device, options)
    if config and train:
        from conflict_ner.benchmark.training import measure_training

        name = " ".join([train.name, *(f"--set {override}" for override in overrides or ())])
        training = measure_training(config, name, seeds, threads, options)
    tables.show(tagging, training, as_json=as_json, as_markdown=as_markdown)


def tradeoff(
    results: Annotated[Path, typer.Argument(help="What `conflict-ner benchmark ... --json` printed.")],
    *,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw strict F1 over speed, as an SVG file.")
    ] = None,
    as_markdown: MarkdownFlag = False,
) -> None:
    """Show what each system of a benchmark scores, and what it costs: speed, size on disk and cold start.

    The table has the figures that `benchmark` measured in one run, on one machine and on the same reports.
    """
    from conflict_ner.benchmark import tables

    result = tables.read_tagging(results)
    if svg:
        tables.write_tradeoff_chart(result, svg)
        _log(f"wrote {svg}")
    tables.show_tradeoff(result, as_markdown=as_markdown)


def _log(message: str) -> None:
    print(message, file=sys.stderr)


def _parse_sizes(scale: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in scale.split(",") if part.strip())
    except ValueError:
        sizes = (0,)
    if any(size < 1 for size in sizes):
        raise typer.BadParameter(f"--scale {scale}: numbers of reports with commas between, such as 1000,10000")
    return sizes
