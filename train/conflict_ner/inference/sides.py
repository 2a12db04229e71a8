"""The two sides of a comparison: a checkpoint, evaluated now, or an evaluation that was saved.

from conflict_ner.evaluation.comparison import compare
from conflict_ner.inference.sides import evaluations

print(compare(*evaluations(Path("models/a"), Path("b.jsonl"), [Path("data/test")])).verdict)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from conflict_ner.checkpoint import Checkpoint, folder_advice
from conflict_ner.config import ColumnsConfig
from conflict_ner.errors import ConfigError, DataError, Problem
from conflict_ner.evaluation import predictions
from conflict_ner.evaluation.comparison import refuse_other_labels
from conflict_ner.evaluation.report import Evaluation
from conflict_ner.inference import evaluate


def evaluations(
    first: Path,
    second: Path,
    data: Sequence[Path] = (),
    device: str = "auto",
    guidelines: bool | None = None,
    columns: ColumnsConfig | None = None,
) -> tuple[Evaluation, Evaluation]:
    """Evaluate what is a checkpoint's folder on the data, read what is a file.

    What can be found out without running a model is found out first. Two sides of one name
    are named by their paths.

    Args:
        data: labeled files and folders; needed for a checkpoint, and for nothing else.
        guidelines: hold them to our guidelines; None does if the labels are exactly ours.
        columns: where CoNLL files have their words and tags; without it they are found.

    Raises:
        CheckpointError: if a folder is no whole checkpoint.
        ConfigError: if there is no data for a checkpoint, or data and no checkpoint.
        DataError: if a path does not exist, a saved evaluation or the data has problems, or
            the two sides have other labels.
    """
    paths = (first, second)
    folders = [path for path in paths if path.is_dir()]
    fix = "name a checkpoint's folder, or a file that `evaluate --predictions` wrote"
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise DataError([Problem(str(p), "no such file or folder", f"{fix}; {folder_advice(p)}") for p in missing])
    if folders and not data:
        fault = Problem("DATA", "is missing", f"name labeled reports to evaluate {folders[0]} on")
        raise ConfigError("the command line", [fault])
    if data and not folders:
        fault = Problem(str(data[0]), "is not used: saved evaluations hold their reports", "leave it out")
        raise ConfigError("the command line", [fault])
    read = {path: predictions.load(path) for path in paths if path not in folders}
    labels = [read[path].labels if path in read else Checkpoint.load(path).manifest.labels for path in paths]
    refuse_other_labels([str(path) for path in paths], labels)
    for path in folders:
        read[path] = read.get(path) or evaluate.evaluate(
            path, data, device=device, guidelines=guidelines, columns=columns
        )
    one, other = (read[path] for path in paths)
    if one.name == other.name:
        return replace(one, name=str(first)), replace(other, name=str(second))
    return one, other
