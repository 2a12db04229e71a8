"""Refuses data that a model cannot be trained on, and announces a run before its first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from conflict_ner.config import Config
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.silver import divide_gold_and_silver
from conflict_ner.data.splits import describe_splits
from conflict_ner.errors import TrainingError, describe_problems, format_count
from conflict_ner.modeling.device import Hardware
from conflict_ner.modeling.encoder import encoder_name
from conflict_ner.training.sampler import TokenBudgetSampler


def refuse_unlearnable(data: Corpus, labels: Sequence[str]) -> None:
    """Raise if a model cannot be trained on the data.

    Raises:
        TrainingError: if a label has no training mention, or validation has no mention to choose the best epoch by.
    """
    counts = data.counts("train")
    if not data["train"]:
        raise TrainingError("data.train: no report is left to train on; name more, or set less of them aside")
    if not counts:
        raise TrainingError("data.train: no report has a mention; there is nothing to learn")
    unseen = [label for label in labels if not counts[label]]
    if unseen:
        raise TrainingError(f"data.train: no mention of {', '.join(unseen)}; label some or remove it from labels:")
    if not data["validation"] and not divide_gold_and_silver(data["train"])[0]:
        what = "all reports are silver, and a model is never scored on those"
        raise TrainingError(f"data.validation: {what}; name reports there that were labeled by reading")
    if not data.counts("validation"):
        raise TrainingError("data.validation: no report has a mention, so no epoch could be better than another")


def announce(
    console: Console,
    config: Config,
    data: Corpus,
    windows: Sequence[Mapping[str, Any]],
    unaligned: Sequence[tuple[Document, Mention]],
    hardware: Hardware,
    processes: int,
    sharded: bool = False,
) -> None:
    """Print how many reports, windows, mentions and steps there are, and which mentions cannot be learned.

    Args:
        windows: of the training reports; only `input_ids` is read.
        unaligned: mentions that begin or end inside a word.
        processes: how many train together.
        sharded: whether the model is divided among them.

    Raises:
        TrainingError: if there are fewer windows than processes.
    """
    window_count = format_count(len(windows), "window")
    if len(windows) < processes:
        raise TrainingError(f"data.train: {window_count} for {processes} processes; start no more than windows")
    counts = data.counts("train")
    tokens = [len(window["input_ids"]) for window in windows]
    batches = len(TokenBudgetSampler(tokens, config.training.batch_tokens, 0, processes)) // processes
    steps = -(-batches // config.training.gradient_accumulation)
    mentions = ", ".join(f"{label} {counts[label]:,}" for label in config.labels)
    devices = f"{processes} x {hardware.device}" if processes > 1 else hardware.device
    devices += " (sharded)" if sharded else ""
    _, silver = divide_gold_and_silver(data["train"])
    marked = f" ({len(silver):,} of them silver: labeled by a model)" if silver else ""
    _print_line(
        console,
        f"train: {format_count(len(data['train']), 'report')}{marked}, {window_count}, "
        f"{format_count(sum(tokens), 'token')}; "
        f"{format_count(counts.total(), 'mention')} ({mentions}); "
        f"{format_count(steps, 'step')} an epoch, {steps * config.training.epochs:,} at most; "
        f"{encoder_name(config.encoder)} on {devices} in {hardware.precision}",
    )
    for split, description in describe_splits(config.data, config.training.seed).items():
        _print_line(console, f"{split}: {format_count(len(data[split]), 'report')}, {description}")
    for message in describe_problems(data.skipped):
        _print_line(console, f"left out: {message}", style="yellow")
    if unaligned:
        document, mention = unaligned[0]
        count = format_count(len(unaligned), "mention begins or ends", "mentions begin or end")
        _print_line(
            console,
            f"{count} inside a word and cannot be learned exactly, "
            f"first {document.slice(mention)!r} in {document.id!r} ({document.origin})",
            style="yellow",
        )


def _print_line(console: Console, line: str, style: str | None = None) -> None:
    console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)
