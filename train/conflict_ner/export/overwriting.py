"""Refuses to let a run or an export replace an earlier checkpoint unasked, before anything is loaded or trained.

A checkpoint of the same config may be replaced, since the same command makes it again; one of another config,
or of another form, only with `--overwrite`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from conflict_ner.checkpoint import Checkpoint, refuse_non_checkpoint
from conflict_ner.config import Config, load_config
from conflict_ner.errors import Alternative, CheckpointError, ConfigError, OverwriteError
from conflict_ner.files import previous_folder, short_path

TORCH = "PyTorch weights"
_SHOWN = 3  # differences between two configs that an error lists


def refuse_lost_checkpoint(
    config: Config, output: Path, *, overwrite: bool, form: str = TORCH, elsewhere: Alternative | None = None
) -> None:
    """Raise if a new checkpoint would replace one of another config or form unasked.

    Args:
        form: of the new checkpoint, such as "onnx in int8".
        elsewhere: the way to keep both.

    Raises:
        CheckpointError: if the output, or the place where the old checkpoint will be kept, is something else.
        OverwriteError: naming the options that go on.
    """
    refuse_non_checkpoint(output)
    if not (output / "manifest.json").is_file():
        return
    refuse_non_checkpoint(previous_folder(output))
    fault = None if overwrite else _differences(config, form, output)
    if fault:
        kept = short_path(previous_folder(output))
        replace = Alternative(
            f"to replace it (the old one is kept as {kept} until the next replacement)", ("--overwrite",)
        )
        raise OverwriteError(
            f"{short_path(output)} holds a checkpoint of another {fault}; nothing was changed"
            + ("" if elsewhere else "; to keep both, name another folder"),
            [replace, *([elsewhere] if elsewhere else [])],
        )


def keep_both(output: Path) -> Alternative:
    """The way to keep what is in an output: the option that names another, free one."""
    return Alternative("to keep both", ("--set", f"output={short_path(_free(output))}"))


def _free(output: Path) -> Path:
    """A name beside an output that nothing has, nor what several runs derive from it."""
    stem, number = output.name, 2
    taken = {path.name for path in output.parent.iterdir()} if output.parent.is_dir() else set()
    while any(name == f"{stem}-{number}" or name.startswith(f"{stem}-{number}-") for name in taken):
        number += 1
    return output.with_name(f"{stem}-{number}")


def _differences(config: Config, form: str, output: Path) -> str | None:
    """In what a checkpoint is another than the one that is to replace it, in words."""
    try:
        manifest = Checkpoint.load(output).manifest
    except CheckpointError as error:
        return f"kind, or a damaged one ({error})"
    there = f"{manifest.exported.format} in {manifest.exported.precision}" if manifest.exported else TORCH
    if there != form:
        return f"form ({there} there, {form} now)"
    changed = config_differences(output / "run.yaml", config)
    return f"config ({changed})" if changed else None


def config_differences(file: Path, config: Config) -> str:
    """The settings in which a run's config is another than the one in a file; empty if there are none."""
    try:
        there = load_config(file)
    except ConfigError:
        return f"{file.name} there cannot be read"
    before, now = (_flat(each.model_copy(update={"output": Path()})) for each in (there, config))
    # A key may stand in one of the two alone: below a section that the other has not.
    keys = [key for key in dict.fromkeys([*before, *now]) if before.get(key) != now.get(key)]
    shown = [f"{key}: {_written(before.get(key))} there, {_written(now.get(key))} now" for key in keys[:_SHOWN]]
    return "; ".join([*shown, *([f"and {len(keys) - _SHOWN} more settings"] if len(keys) > _SHOWN else [])])


def _flat(config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def visit(tree: Mapping[str, Any], prefix: str) -> None:
        for key, value in tree.items():
            if isinstance(value, dict):
                visit(value, f"{prefix}{key}.")
            else:
                found[prefix + key] = value

    visit(config.model_dump(mode="json"), "")
    return {key: value for key, value in found.items() if value is not None}


def _written(value: object) -> str:
    """A setting's value as a person would write it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    with suppress(ValueError):
        if isinstance(value, str) and value.startswith("/"):
            return short_path(Path(value))
    return "null" if value is None else re.sub(r"\s+", " ", f"{value}")
