"""The commands that bring a checkpoint to its users: `export` in another form, `push` to a hub, `serve` over HTTP."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conflict_ner.cli.options import (
    CheckpointArgument,
    DeviceOption,
    MapOption,
    NamesOption,
    OverwriteFlag,
    ThresholdOption,
    parse_label_map,
    parse_thresholds,
    typed_command,
)
from conflict_ner.errors import OverwriteError, ServeError
from conflict_ner.files import short_path

if TYPE_CHECKING:
    from conflict_ner.checkpoint import Checkpoint
    from conflict_ner.inference.tagger import Tagger

_MEBIBYTE = 2**20


def export(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="A checkpoint's folder, or a transformers token classifier (a folder, or a hub id in the local cache)."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    data: Annotated[
        list[Path] | None, typer.Option(help="Labeled files; the export is verified on their texts.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="torch, or onnx for tagging without PyTorch.")] = "torch",
    precision: Annotated[
        str, typer.Option(help="Of onnx: fp32, or int8, which is compared with the original.")
    ] = "fp32",
    label_map: MapOption = None,
    device: DeviceOption = "auto",
    overwrite: OverwriteFlag = False,
) -> None:
    """Write a checkpoint to another folder, after verifying it in a fresh process."""
    if form not in ("torch", "onnx"):
        raise typer.BadParameter("--format is torch or onnx")
    try:
        exported = _export(checkpoint, out, data or (), form, precision, device, overwrite, parse_label_map(label_map))
    except OverwriteError as error:
        raise error.for_command(typed_command()) from None
    print(f"exported to {short_path(exported.folder)} and verified", file=sys.stderr)


def _export(
    checkpoint: Path,
    out: Path,
    data: Sequence[Path],
    form: str,
    precision: str,
    device: str,
    overwrite: bool,
    label_map: Mapping[str, str] | None,
) -> Checkpoint:
    if form == "onnx":
        from conflict_ner.export.onnx.export import export_onnx

        exported = export_onnx(checkpoint, out, precision, data, overwrite=overwrite, label_map=label_map)
        facts = exported.manifest.exported
        print(facts.verdict if facts else "", file=sys.stderr)
        return exported
    if precision != "fp32":
        raise typer.BadParameter("--precision is of --format onnx; the torch format keeps the weights as they are")
    from conflict_ner.export.checkpoint_writer import copy_checkpoint

    return copy_checkpoint(checkpoint, out, data, device, overwrite=overwrite, label_map=label_map)


def push(
    checkpoint: Annotated[Path, typer.Argument(help="An exported checkpoint's folder.")],
    repository: Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the Hugging Face hub.")],
    *,
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody see the repository; without it a new one is private.")
    ] = False,
    message: Annotated[str, typer.Option(metavar="TEXT", help="The message of the commit.")] = "",
) -> None:
    """Upload a checkpoint to a repository on the Hugging Face hub, which is made if it does not exist."""
    from conflict_ner.export import hub

    pushed = hub.push(checkpoint, repository, public=public, message=message)
    seen_by = "public" if public else "private"
    print(f"pushed {', '.join(pushed.files)} to {pushed.repository} ({seen_by})", file=sys.stderr)
    print(pushed.commit)


def serve(
    checkpoint: CheckpointArgument = None,
    *,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 is any that is free.")] = 8080,
    max_characters: Annotated[int, typer.Option(min=1, help="The most characters of a text.")] = 100_000,
    max_body: Annotated[int, typer.Option(min=1, metavar="MIB", help="The most MiB of a request.")] = 4,
    queue: Annotated[int, typer.Option(min=1, help="The most texts that wait for the model, and of a request.")] = 512,
    timeout: Annotated[float, typer.Option(min=0.1, help="The most seconds until an answer.")] = 30.0,
    values: Annotated[bool, typer.Option("--values", help="Add what mentions are worth, as tag does.")] = False,
    threshold: ThresholdOption = None,
    names: NamesOption = None,
    label_map: MapOption = None,
    precision: Annotated[str, typer.Option(help="The model's precision: auto, fp32 or bf16.")] = "auto",
    device: DeviceOption = "auto",
) -> None:
    """Tag over HTTP, with a page to paste a report into; see docs/serving.md.

    Clients must send the key in the environment variable CONFLICT_NER_API_KEY, if there is one.
    """
    from conflict_ner.inference.service import server
    from conflict_ner.inference.service.limits import API_KEY, Settings

    thresholds, names_of_labels = parse_thresholds(threshold or ()), parse_label_map(label_map)
    key = os.environ.get(API_KEY)
    if key is not None and not key.strip():
        raise ServeError(f"{API_KEY} is set and empty; set it to a key, or unset it to let everybody in")
    settings = Settings(max_characters, max_body * _MEBIBYTE, queue, timeout, api_key=key)

    def load() -> Tagger:
        from conflict_ner.inference.tagger import Tagger

        return Tagger.load(
            checkpoint,
            device,
            thresholds,
            precision,  # type: ignore[arg-type]
            values,
            names,
            label_map=names_of_labels,
        )

    server.serve(load, host, port, settings, lambda line: print(line, file=sys.stderr, flush=True))
