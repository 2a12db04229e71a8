"""Refuses to let a run or an export destroy earlier work unasked, before anything is loaded or trained.

Two kinds of work are at stake: a finished checkpoint in the output folder `NAME`, and the epochs that an
interrupted run saved in `NAME.training`. A checkpoint of the same config may be replaced, since the same
command makes it again; one of another config, or of another form, only with `--overwrite`. Saved epochs are
deleted only with `--restart`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from conflict_ner import configfile
from conflict_ner.checkpoint import Checkpoint, refuse_other_folder
from conflict_ner.config import Config
from conflict_ner.corpus import Corpus
from conflict_ner.errors import CheckpointError, ConfigError, OverwriteError, Problem, Way
from conflict_ner.files import short
from conflict_ner.history import last_state
from conflict_ner.replacing import previous

TORCH = "PyTorch weights"
_SHOWN = 3  # differences between two configs that an error lists
_RESTART = Way("to delete it and start anew", ("--restart",))
_FINGERPRINT = r"(?m)^# (\w+): sha256 (\w+)$"


def training_folder(output: Path) -> Path:
    """Where a run saves its epochs until its checkpoint is finished."""
    return output.with_name(f"{output.name}.training")


def refuse_lost_work(config: Config, *, resume: bool, restart: bool, overwrite: bool, base: Path | None = None) -> None:
    """Raise if training to a config's output would destroy a checkpoint or saved epochs unasked.

    Args:
        resume: the run goes on from its saved epochs.
        restart: the user wants what an interrupted run has saved to be deleted.
        overwrite: the user wants the checkpoint to be replaced.
        base: the output that the user named, where `config.output` is derived from it.

    Raises:
        CheckpointError: if something that is not ours is in the way.
        OverwriteError: naming the options that go on.
    """
    folder = training_folder(config.output)
    _refuse_foreign_training_folder(folder)
    _refuse_running(folder)
    refuse_lost_checkpoint(config, config.output, overwrite=overwrite, elsewhere=_elsewhere(base or config.output))
    if not restart:
        _refuse_lost_epochs(config, folder, resume=resume, base=base)


def refuse_lost_checkpoint(
    config: Config, output: Path, *, overwrite: bool, form: str = TORCH, elsewhere: Way | None = None
) -> None:
    """Raise if a new checkpoint would replace one of another config or form unasked.

    Args:
        form: of the new checkpoint, such as "onnx in int8".
        elsewhere: the way to keep both.

    Raises:
        CheckpointError: if the output, or the place where the old checkpoint will be kept, is something else.
        OverwriteError: naming the options that go on.
    """
    refuse_other_folder(output)
    if not (output / "manifest.json").is_file():
        return
    refuse_other_folder(previous(output))
    fault = None if overwrite else _differences(config, form, output)
    if fault:
        kept = short(previous(output))
        replace = Way(f"to replace it (the old one is kept as {kept} until the next replacement)", ("--overwrite",))
        raise OverwriteError(
            f"{short(output)} holds a checkpoint of another {fault}; nothing was changed"
            + ("" if elsewhere else "; to keep both, name another folder"),
            [replace, *([elsewhere] if elsewhere else [])],
        )


def refuse_other_data(output: Path, data: Corpus, *, restart: bool) -> None:
    """Raise if the epochs that a run would go on from were trained on other data.

    Raises:
        OverwriteError: naming the options that go on.
    """
    folder = training_folder(output)
    if restart or last_state(folder) is None:
        return
    there = dict(re.findall(_FINGERPRINT, (folder / "run.yaml").read_text(encoding="utf-8")))
    changed = [split for split in data.splits if there.get(split) != data.fingerprint(split)]
    if changed:
        fault = f"{short(folder)} holds an interrupted run on other data ({', '.join(changed)} changed since)"
        raise OverwriteError(f"{fault}; nothing was changed", [_RESTART, _elsewhere(output)])


def run_record(config: Config, data: Corpus) -> str:
    """Describe a run for its training folder: its config and its data, so that no other run goes on with it."""
    fingerprints = "".join(f"# {split}: sha256 {data.fingerprint(split)}\n" for split in data.splits)
    return configfile.dump(config, training_folder(config.output)) + fingerprints


def _refuse_running(folder: Path) -> None:
    """Raise if another process is training to the same output at this moment: it holds a lock on its record."""
    try:
        import fcntl
    except ImportError:  # a system without it
        return
    with suppress(FileNotFoundError), (folder / "run.yaml").open("rb") as record:
        try:
            # Shared, so that the processes of one run may all look.
            fcntl.flock(record, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            what = "another process is training it at this moment"
            raise ConfigError(
                "the output", [Problem(str(folder), what, "let it end, or name another output")]
            ) from None


def _refuse_lost_epochs(config: Config, folder: Path, *, resume: bool, base: Path | None) -> None:
    state = last_state(folder)
    if state is None:
        return
    changed = _config_differences(folder / "run.yaml", config)
    saved = f"{short(folder)} holds an interrupted run with {_epochs(len(state.history))} saved"
    if not changed and not resume:
        ways = [Way("to go on with it", ("--resume",)), _RESTART]
        raise OverwriteError(f"{saved}; nothing was changed", ways)
    if changed:
        # Its own config, which stands beside its epochs, goes on with it.
        own = Way("to go on with it", ("--resume",), config=folder / "run.yaml")
        ways = [*([] if base else [own]), _RESTART, _elsewhere(base or config.output)]
        raise OverwriteError(f"{saved}, of another config ({changed}); nothing was changed", ways)


def _refuse_foreign_training_folder(folder: Path) -> None:
    ours = folder.is_dir() and ((folder / "run.yaml").is_file() or not any(folder.iterdir()))
    if folder.exists() and not ours:
        raise CheckpointError(
            f"{folder}: a run saves its epochs there, and something else is in it; move it, or name another output"
        )


def _elsewhere(output: Path) -> Way:
    return Way("to keep both", ("--set", f"output={short(_free(output))}"))


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
    changed = _config_differences(output / "run.yaml", config)
    return f"config ({changed})" if changed else None


def _config_differences(file: Path, config: Config) -> str:
    """The settings in which a run's config is another than the one in a file; empty if there are none."""
    try:
        there = configfile.load(file)
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
            return short(Path(value))
    return "null" if value is None else re.sub(r"\s+", " ", f"{value}")


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' if count != 1 else ''}"
