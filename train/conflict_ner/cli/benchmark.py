"""The command that measures speed on the user's own machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from conflict_ner.cli.options import DeviceOption, JsonFlag, MarkdownFlag

PRECISIONS = ("auto", "fp32", "bf16")


def benchmark(
    checkpoint: Annotated[Path | None, typer.Argument(help="An exported checkpoint's folder.")] = None,
    data: Annotated[
        list[Path] | None,
        typer.Argument(help="Labeled .md or .jsonl, plain .txt, or folders of them; else the checkpoint's test split."),
    ] = None,
    *,
    export: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Another form of the checkpoint, such as its ONNX; may be repeated."),
    ] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="Of CHECKPOINT's Tagger: auto, fp32 or bf16; may be repeated.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns that each system has.")] = 5,
    reports: Annotated[int | None, typer.Option(min=1, help="Reports a turn, the texts repeated.")] = None,
    scale: Annotated[
        str, typer.Option(metavar="N,N...", help="Also speed and memory over so many reports, such as 1000,100000.")
    ] = "",
    train: Annotated[
        Path | None, typer.Option(metavar="CONFIG", help="Measure training too: this config against run_ner.py's way.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of --train; may be repeated.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=0, help="Full trainings of each kind for --train, to score them.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Of all systems; else all physical cores.")] = None,
    device: DeviceOption = "auto",
    cold: Annotated[bool, typer.Option(help="Also measure fresh processes: cold start and memory.")] = True,
    as_json: JsonFlag = False,
    as_markdown: MarkdownFlag = False,
) -> None:
    """How fast a checkpoint tags here, against transformers.pipeline, spaCy and what the machine could do.

    With --train also how fast a config trains, against transformers' example; CHECKPOINT may then be left out.
    """
    if not checkpoint and not train:
        raise typer.BadParameter("name a CHECKPOINT, or a config with --train, or both")
    if overrides and not train:
        raise typer.BadParameter("--set changes the config of --train; name one")
    for name in precision or ():
        if name not in PRECISIONS:
            raise typer.BadParameter(f"--precision is one of {', '.join(PRECISIONS)}")
    sizes = _sizes(scale)
    from conflict_ner.benchmark import tables
    from conflict_ner.benchmark.cold_start import Bench
    from conflict_ner.config import load_config

    # Its faults are said before the minutes of all else.
    config = load_config(train, overrides or ()) if train else None
    bench = Bench(rounds=rounds, reports=reports, scale=sizes, cold=cold, say=_say)
    tagging = training = None
    if checkpoint:
        from conflict_ner.benchmark import tagging as tags

        precisions = precision or ("auto",)
        tagging = tags.benchmark(checkpoint, data or (), export or (), precisions, threads, device, bench)
    if config and train:
        from conflict_ner.benchmark import training as benchtrain

        name = " ".join([train.name, *(f"--set {said}" for said in overrides or ())])
        training = benchtrain.measure_training(config, name, seeds, threads, bench)
    tables.show(tagging, training, as_json=as_json, as_markdown=as_markdown)


def _say(doing: str) -> None:
    print(doing, file=sys.stderr)


def _sizes(scale: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in scale.split(",") if part.strip())
    except ValueError:
        sizes = (0,)
    if any(size < 1 for size in sizes):
        raise typer.BadParameter(f"--scale {scale}: numbers of reports with commas between, such as 1000,10000")
    return sizes
