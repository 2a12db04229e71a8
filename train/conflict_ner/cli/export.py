"""The command `export`, which writes a checkpoint to another folder, also in ONNX form."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conflict_ner.cli.options import DeviceOption, MapOption, OverwriteFlag, parse_label_map, typed_command
from conflict_ner.errors import OverwriteError
from conflict_ner.files import short_path

if TYPE_CHECKING:
    from conflict_ner.checkpoint import Checkpoint


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
    checkpoint: Path, out: Path, data: Sequence[Path], form: str, precision: str, device: str, overwrite: bool,
    label_map: Mapping[str, str] | None,
) -> Checkpoint:  # fmt: skip
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
