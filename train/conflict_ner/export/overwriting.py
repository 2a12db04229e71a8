"""Protects earlier checkpoints from being replaced by a run or an export of another config or form.

It is checked before anything is loaded or trained. A checkpoint of the same config and form may be replaced, since
the same command makes it again; any other only with `--overwrite`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from conflict_ner.checkpoint import Checkpoint, Manifest, PlainFacts, refuse_non_checkpoint
from conflict_ner.config import Config, load_config
from conflict_ner.config.loading import flat_settings
from conflict_ner.errors import Alternative, CheckpointError, ConfigError, OverwriteError
from conflict_ner.files import previous_folder, short_path

TORCH = "PyTorch weights"
_NOT_COMPARED = ("output", "training.report_to", "search.")
_MAX_SHOWN = 3  # differences between two configs that an error lists


def refuse_lost_checkpoint(
    config: Config | PlainFacts,
    output: Path,
    *,
    overwrite: bool,
    form: str = TORCH,
    alternative: Alternative | None = None,
) -> None:
    """Raise if a new checkpoint would replace one of another config or form without `overwrite`.

    Args:
        config: of the run, or what is known of a model that was trained elsewhere.
        form: of the new checkpoint, such as "onnx in int8".
        alternative: how to keep both, for the message.

    Raises:
        CheckpointError: if the output, or the folder in which the old checkpoint will be kept, is not a checkpoint.
        OverwriteError: naming the options with which the command can go on.
    """
    refuse_non_checkpoint(output)
    if not (output / "manifest.json").is_file():
        return
    refuse_non_checkpoint(previous_folder(output))
    difference = None if overwrite else _difference(config, form, output)
    if difference:
        previous = short_path(previous_folder(output))
        replace = Alternative(
            f"to replace it (the old one is kept as {previous} until the next replacement)", ("--overwrite",)
        )
        raise OverwriteError(
            f"{short_path(output)} holds a checkpoint of another {difference}; nothing was changed"
            + ("" if alternative else "; to keep both, name another folder"),
            [replace, *([alternative] if alternative else [])],
        )


def checkpoint_form(manifest: Manifest) -> str:
    """Return the form of a checkpoint in words, such as "onnx in int8"."""
    exported = manifest.exported
    return f"{exported.format} in {exported.precision}" if exported else TORCH


def keep_both(output: Path) -> Alternative:
    """Return the alternative that keeps what is in an output: the option that names another, unused one."""
    return Alternative("to keep both", ("--set", f"output={short_path(_unused_output(output))}"))


def _unused_output(output: Path) -> Path:
    """Return an output beside another that does not exist, and from which no existing folder is derived."""
    stem, number = output.name, 2
    existing = {path.name for path in output.parent.iterdir()} if output.parent.is_dir() else set()
    while any(name == f"{stem}-{number}" or name.startswith(f"{stem}-{number}-") for name in existing):
        number += 1
    return output.with_name(f"{stem}-{number}")


def _difference(config: Config | PlainFacts, form: str, output: Path) -> str | None:
    """Describe how a checkpoint differs from the one that is to replace it; None if it does not."""
    try:
        manifest = Checkpoint.load(output).manifest
    except CheckpointError as error:
        return f"kind, or a damaged one ({error})"
    old_form = checkpoint_form(manifest)
    if old_form != form:
        return f"form ({old_form} there, {form} now)"
    if isinstance(config, PlainFacts):
        return None if manifest.plain == config else f"model, or of other names of labels ({manifest.encoder})"
    differences = config_differences(output / "run.yaml", config)
    return f"config ({differences})" if differences else None


def config_differences(file: Path, config: Config) -> str:
    """List the settings in which a config differs from the one in a file; empty if there are none.

    Settings that do not change the checkpoint are not compared: where it is written to, what follows the
    run, and what a search would vary.
    """
    try:
        old_config = load_config(file)
    except ConfigError:
        return f"{file.name} there cannot be read"
    old, new = (flat_settings(version) for version in (old_config, config))
    # A key may be in one of the two only: below a section that the other does not have.
    compared = [key for key in dict.fromkeys([*old, *new]) if not key.startswith(_NOT_COMPARED)]
    keys = [key for key in compared if old.get(key) != new.get(key)]
    shown = [
        f"{key}: {_format_value(old.get(key))} there, {_format_value(new.get(key))} now" for key in keys[:_MAX_SHOWN]
    ]
    return "; ".join([*shown, *([f"and {len(keys) - _MAX_SHOWN} more settings"] if len(keys) > _MAX_SHOWN else [])])


def _format_value(value: object) -> str:
    """Format a setting's value as a person would write it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_format_value, value))}]"
    with suppress(ValueError):
        if isinstance(value, str) and value.startswith("/"):
            return short_path(Path(value))
    return "null" if value is None else re.sub(r"\s+", " ", f"{value}")
