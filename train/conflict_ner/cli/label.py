"""The command `label`, which makes silver reports: labeled by a model, for other models to learn from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from conflict_ner.cli.options import DeviceOption, MapOption, parse_label_map
from conflict_ner.errors import format_count
from conflict_ner.files import short_path


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
    from conflict_ner.inference.silver_labels import label_files

    names = parse_label_map(label_map)
    count = label_files(checkpoint, reports, out, device, overwrite=overwrite, label_map=names)
    print(f"{format_count(count, 'silver report')} written to {short_path(out)}", file=sys.stderr)
