"""Manages the folder in which a run saves its epochs until its checkpoint is finished.

It is `NAME.training` beside the output `NAME`, and records the config and the data of its run. Without an option
that says so it is deleted only when its own run ends well.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from conflict_ner.config import Config, dump_config
from conflict_ner.data.corpus import Corpus
from conflict_ner.errors import Alternative, CheckpointError, ConfigError, OverwriteError, Problem, format_count
from conflict_ner.export.overwriting import config_differences, keep_both, refuse_lost_checkpoint
from conflict_ner.files import lock_output, short_path
from conflict_ner.training.history import last_state

if TYPE_CHECKING:
    from accelerate import PartialState

TEACHER_ANSWERS = "teacher-{}.arrow"  # by a hash of all that the answers depend on
RESTART = Alternative("to delete it and start anew", ("--restart",))
_FINGERPRINT = r"(?m)^# (\w+): sha256 (\w+)$"


def training_folder(output: Path) -> Path:
    """Return the folder in which a run saves its epochs until its checkpoint is finished."""
    return output.with_name(f"{output.name}.training")


def refuse_lost_work(config: Config, *, resume: bool, restart: bool, overwrite: bool, base: Path | None = None) -> None:
    """Raise if training would destroy a checkpoint or saved epochs that the user has not given up.

    Args:
        resume: the run goes on from its saved epochs.
        restart: the user wants what an interrupted run has saved to be deleted.
        overwrite: the user wants the checkpoint to be replaced.
        base: the output that the user named, where `config.output` is derived from it.

    Raises:
        CheckpointError: if a folder of another kind is in the way.
        ConfigError: if another process is training to the same output.
        OverwriteError: naming the options with which the run can start.
    """
    folder = training_folder(config.output)
    _refuse_foreign_training_folder(folder)
    _refuse_running(folder)
    refuse_lost_checkpoint(config, config.output, overwrite=overwrite, alternative=keep_both(base or config.output))
    if not restart:
        _refuse_lost_epochs(config, folder, resume=resume, base=base)


def refuse_other_data(output: Path, data: Corpus, *, restart: bool) -> None:
    """Raise if the saved epochs that a run would go on from were trained on other data.

    Raises:
        OverwriteError: naming the options with which the run can start.
    """
    folder = training_folder(output)
    if restart or last_state(folder) is None:
        return
    if changed := changed_splits(folder / "run.yaml", data):
        message = f"{short_path(folder)} holds an interrupted run on other data ({', '.join(changed)} changed since)"
        raise OverwriteError(f"{message}; nothing was changed", [RESTART, keep_both(output)])


def changed_splits(record: Path, data: Corpus) -> list[str]:
    """List the splits that are not those of which a file, written by `run_record`, has the hashes."""
    recorded = dict(re.findall(_FINGERPRINT, record.read_text(encoding="utf-8")))
    return [split for split in data.splits if recorded.get(split) != data.fingerprint(split)]


def run_record(config: Config, data: Corpus) -> str:
    """Format the config and the data of a run, for its training folder; no other run may go on with its epochs."""
    fingerprints = "".join(f"# {split}: sha256 {data.fingerprint(split)}\n" for split in data.splits)
    return dump_config(config, training_folder(config.output)) + fingerprints


def _refuse_running(folder: Path) -> None:
    """Raise if another process is training to the same output; it would hold a lock on the run's record."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    with suppress(FileNotFoundError), (folder / "run.yaml").open("rb") as record:
        try:
            # A shared lock, because all processes of one run check this.
            fcntl.flock(record, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            problem = Problem(
                str(folder), "another process is training it at this moment", "let it end, or name another output"
            )
            raise ConfigError("the output", [problem]) from None


def _refuse_lost_epochs(config: Config, folder: Path, *, resume: bool, base: Path | None) -> None:
    state = last_state(folder)
    if state is None:
        return
    changed = config_differences(folder / "run.yaml", config)
    saved = f"{short_path(folder)} holds an interrupted run with {format_count(len(state.history), 'epoch')} saved"
    if not changed and not resume:
        alternatives = [Alternative("to go on with it", ("--resume",)), RESTART]
        raise OverwriteError(f"{saved}; nothing was changed", alternatives)
    if changed:
        # The interrupted run's own config, saved with its epochs, can resume it.
        resumption = Alternative("to go on with it", ("--resume",), config=folder / "run.yaml")
        alternatives = [*([] if base else [resumption]), RESTART, keep_both(base or config.output)]
        raise OverwriteError(f"{saved}, of another config ({changed}); nothing was changed", alternatives)


def _refuse_foreign_training_folder(folder: Path) -> None:
    if folder.exists() and not is_run_folder(folder):
        raise CheckpointError(
            f"{folder}: a run saves its epochs there, and something else is in it; move it, or name another output"
        )


def is_run_folder(folder: Path) -> bool:
    """Return whether a run or a search may save its epochs in a folder: one of its own, or an empty one.

    A checkpoint may be called like one, and has a `run.yaml` too.
    """
    if not folder.is_dir():
        return False
    is_own = (folder / "run.yaml").is_file() and not (folder / "manifest.json").exists()
    return is_own or not any(folder.iterdir())


@contextmanager
def open_training_folder(config: Config, data: Corpus, restart: bool, processes: PartialState) -> Iterator[Path]:
    """Prepare a run's training folder, lock it and yield it; without `restart` it keeps the epochs that it has.

    A run that fails before anything was saved leaves no folder.

    Raises:
        CheckpointError: if it cannot be written.
        OverwriteError: if it has epochs that were trained on other data.
    """
    folder = training_folder(config.output)
    processes.wait_for_everyone()
    with ExitStack() as files:
        if processes.is_main_process:
            refuse_other_data(config.output, data, restart=restart)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                record = files.enter_context((folder / "run.yaml").open("a+b"))
                lock_output(record, folder)
                if restart or last_state(folder) is None:
                    reset_training_folder(folder, record, run_record(config, data))
            except OSError as error:
                raise CheckpointError(f"{folder} cannot be written: {error.strerror}") from None
        processes.wait_for_everyone()
        try:
            yield folder
        except BaseException:
            if processes.is_main_process and not _has_saved(folder):
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _has_saved(folder: Path) -> bool:
    """Return whether a training folder has what a later run can use: an epoch or teachers' answers."""
    return last_state(folder) is not None or any(folder.glob(TEACHER_ANSWERS.format("*")))


def reset_training_folder(folder: Path, record: IO[bytes], content: str) -> None:
    """Delete what an earlier run has left in a training folder, and record the new run in it.

    Teachers' answers stay: they may have taken longer than an epoch, and their name says what they are answers to.
    """
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != "run.yaml" and not path.match(TEACHER_ANSWERS.format("*")):
            path.unlink()
    record.truncate(0)
    record.write(content.encode("utf-8"))
    record.flush()
