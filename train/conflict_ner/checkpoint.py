"""The checkpoint folder of a trained model, and the files that describe the model.

A checkpoint is a folder that plain transformers loads (config.json, model.safetensors,
tokenizer files). It also holds what is known of the model: `manifest.json` (this module's
`Manifest`), `scores.json`, `run.yaml` (the resolved config) and `README.md` (the model card).
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from conflict_ner.data.labels import LabelScheme
from conflict_ner.errors import CheckpointError

if TYPE_CHECKING:
    from conflict_ner.config import Config
    from conflict_ner.data.corpus import Corpus
    from conflict_ner.evaluation.report import Report
    from conflict_ner.evaluation.seen_mentions import SeenMentions

FORMAT = 1
WEIGHTS = "model.safetensors"
SEEN_MENTIONS = "training_memory.json"
ONNX_WEIGHTS = "model.onnx"
SHIPPED_MODEL = Path(__file__).parent / "shipped" / "small"  # comes with the package
# Parts of the names of encoders that were pretrained on English.
_ENGLISH = ("all-minilm", "all-mpnet", "bert-base-uncased", "bert-large-uncased", "conflibert")
_REQUIRED_FILES = ("manifest.json", "scores.json", "run.yaml", "config.json", "tokenizer.json")
_LIBRARIES = ("conflict-ner", "torch", "transformers", "tokenizers", "datasets", "seqeval")


class SplitFacts(BaseModel):
    """Facts about a split: enough to recognize the data again, and none of its text.

    drawn: how the split was drawn from the training reports, if it was.
    """

    model_config = ConfigDict(frozen=True)

    documents: int
    mentions: Mapping[str, int]
    sha256: str
    drawn: str = ""


class PipelineFacts(BaseModel):
    """The agreement of plain `transformers.pipeline` with the Tagger, for each aggregation strategy.

    Measured on the evaluated texts that fit one window.
    """

    model_config = ConfigDict(frozen=True)

    strategy: str  # the one that agrees best
    texts: int
    mentions: int  # that the Tagger finds in those texts
    identical_texts: Mapping[str, int]  # by strategy: texts with the same mentions
    shared_mentions: Mapping[str, int]  # by strategy: mentions that both find


class CalibrationFacts(BaseModel):
    """The calibration of scores on validation (see `calibration`).

    The expected calibration errors (ECE) are of the predicted spans of validation, to which the temperature
    was also fitted: only figures on other data are unbiased.
    """

    model_config = ConfigDict(frozen=True)

    temperature: float
    fitted_on: str  # "spans", "words", or empty: then the temperature is 1 and the note says why
    spans: int  # predicted in validation
    ece_before: float | None
    ece_after: float | None
    note: str = ""


class ExportFacts(BaseModel):
    """The export for another runtime, and its comparison with the checkpoint it was exported from.

    documents: labeled reports of validation that both tagged.
    identical_documents: how many of them got the same spans from both.
    verdict: the result of the comparison, in words.
    """

    model_config = ConfigDict(frozen=True)

    format: str  # "onnx"
    precision: str  # "fp32", "bf16" or "int8"
    documents: int
    identical_documents: int
    strict_f1_before: float | None
    strict_f1_after: float | None
    verdict: str


class Manifest(BaseModel):
    """Everything that must be known about a checkpoint to use it and to trust it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    labels: tuple[str, ...]
    encoder: str  # its public name: a hub id, or the name of a folder
    window: int  # longest input in tokens, special ones included
    overlap: int
    data: Mapping[str, SplitFacts]
    best_epoch: int
    steps: int
    history: tuple[Mapping[str, float], ...]
    hardware: str
    versions: Mapping[str, str]
    weights_sha256: str
    pipeline: PipelineFacts | None = None
    calibration: CalibrationFacts | None = None
    exported: ExportFacts | None = None  # None: weights for PyTorch
    teachers: Mapping[str, str] = {}  # the SHA-256 of the weights of each checkpoint it learned from, by name
    scripts: tuple[str, ...] | None = None  # Unicode names of the scripts of the training texts; None: not recorded

    @property
    def known_scripts(self) -> tuple[str, ...]:
        """The scripts that the model was trained on; empty if they are not known.

        For a checkpoint that does not record them it is Latin if its encoder was pretrained on English only.
        """
        if self.scripts is not None:
            return self.scripts
        english = any(name in self.encoder.lower() for name in _ENGLISH) and "multilingual" not in self.encoder.lower()
        return ("Latin",) if english else ()

    @property
    def weights(self) -> str:
        """The name of the file with the weights, whose hash is `weights_sha256`."""
        return ONNX_WEIGHTS if self.exported else WEIGHTS

    @property
    def temperature(self) -> float:
        """The temperature that the logits are divided by; the weights already include it."""
        return self.calibration.temperature if self.calibration else 1.0


@dataclass(frozen=True)  # without slots, which would leave a cached property no place
class Checkpoint:
    """A checkpoint folder that has been checked for completeness."""

    folder: Path
    manifest: Manifest

    @cached_property
    def scores(self) -> Mapping[str, Report]:
        """The scores by split, read from `scores.json` on first use: a process that only tags does without them.

        Raises:
            CheckpointError: if the file is damaged.
        """
        from conflict_ner.evaluation.report import ReportsBySplit  # takes longer to import than a text to tag

        file = self.folder / "scores.json"
        try:
            return ReportsBySplit.model_validate_json(file.read_bytes()).splits
        except (ValueError, OSError) as error:  # pydantic's errors are ValueErrors
            raise CheckpointError(f"{file} cannot be read: {error}") from None

    @property
    def scheme(self) -> LabelScheme:
        """The labels that the model predicts."""
        return LabelScheme(self.manifest.labels)

    def config(self) -> Config:
        """Read the resolved config of the run that trained the model, from `run.yaml`.

        Raises:
            ConfigError: if the file is damaged.
        """
        from conflict_ner.config import load_config  # tagging does without it

        return load_config(self.folder / "run.yaml")

    def seen_mentions(self) -> SeenMentions | None:
        """Read the mentions seen in training; None for a checkpoint of a version that did not record them.

        Raises:
            CheckpointError: if the file is damaged.
        """
        from conflict_ner.evaluation.seen_mentions import SeenMentions  # tagging does without it

        file = self.folder / SEEN_MENTIONS
        if not file.is_file():
            return None
        try:
            return SeenMentions.model_validate_json(file.read_bytes())
        except (ValueError, OSError) as error:
            raise CheckpointError(f"{file} cannot be read: {str(error).splitlines()[0]}") from None

    @classmethod
    def load(cls, folder: Path | str) -> Checkpoint:
        """Read the manifest of a checkpoint; its other files are only looked for.

        Raises:
            CheckpointError: if the folder is not a complete checkpoint of this package, or its manifest is damaged.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise CheckpointError(f"{folder}: no such checkpoint folder; {missing_folder_advice(folder)}")
        missing = [name for name in _REQUIRED_FILES if not (folder / name).is_file()]
        if not any((folder / name).is_file() for name in (WEIGHTS, ONNX_WEIGHTS)):
            missing.append(WEIGHTS)
        if missing:
            raise CheckpointError(f"{folder}: not a conflict-ner checkpoint: {', '.join(missing)} missing")
        try:
            tree = json.loads((folder / "manifest.json").read_bytes())
            if isinstance(tree, dict) and tree.get("format", FORMAT) != FORMAT:
                raise CheckpointError(
                    f"{folder}: format {tree['format']}, this version reads {FORMAT}; upgrade conflict-ner"
                )
            manifest = Manifest.model_validate(tree)
        except (ValueError, OSError) as error:  # pydantic's and json's errors are ValueErrors
            raise CheckpointError(f"{folder / 'manifest.json'} cannot be read: {error}") from None
        if not (folder / manifest.weights).is_file():
            raise CheckpointError(f"{folder}: not a conflict-ner checkpoint: {manifest.weights} missing")
        return cls(folder, manifest)


def shipped_model() -> Path:
    """Return the folder of the model that comes with the package, for users who name no checkpoint.

    Raises:
        CheckpointError: if the package was built without its model.
    """
    if not (SHIPPED_MODEL / "manifest.json").is_file():
        raise CheckpointError(
            f"no checkpoint is named, and this package was built without its model ({SHIPPED_MODEL} is missing); "
            "name a checkpoint (`conflict-ner train CONFIG` makes one), or install a wheel that holds the model"
        )
    return SHIPPED_MODEL


def is_checkpoint(path: Path) -> bool:
    """Return whether a path is a checkpoint's folder, complete or not: one with a manifest or weights."""
    return any((path / name).is_file() for name in ("manifest.json", WEIGHTS, ONNX_WEIGHTS))


def missing_folder_advice(folder: Path) -> str:
    """Return advice for a checkpoint folder that does not exist; it may be an id on the Hugging Face hub."""
    name = folder.as_posix()
    url = re.fullmatch(r"(?:https?:/+huggingface\.co/|hf:/+(?:models/)?)(.+)", name)
    hub_id = url[1] if url else name
    if not url and (not re.fullmatch(r"[\w.-]*\w/[\w.-]+", name) or folder.parent.is_dir()):
        return "`conflict-ner train CONFIG` makes one"
    return (
        f"`conflict-ner train CONFIG` makes one. If {hub_id} is an id on the Hugging Face hub: nothing is fetched from "
        "there to tag with, and only checkpoints that conflict-ner has written can be loaded. Download one of those "
        f"with `hf download {hub_id} --local-dir FOLDER` and name FOLDER; to fine-tune an encoder of the hub, put "
        f"`encoder: {hub_id}` into a config and train it"
    )


def dump_scores(scores: Mapping[str, Report]) -> str:
    """Return the content of `scores.json`."""
    from conflict_ner.evaluation.report import ReportsBySplit

    return ReportsBySplit(splits=dict(scores)).model_dump_json(indent=2) + "\n"


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that could change a result."""
    from importlib import metadata

    versions = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            versions[library] = "not installed"
    return versions


def refuse_non_checkpoint(folder: Path) -> None:
    """Raise if exporting to `folder` would replace something that is not a checkpoint.

    Raises:
        CheckpointError: if the folder exists, is not empty and has no manifest, or is a file.
    """
    replaceable = folder.is_dir() and ((folder / "manifest.json").is_file() or not any(folder.iterdir()))
    if folder.exists() and not replaceable:
        raise CheckpointError(f"{folder} exists and is not a checkpoint; name another folder or remove it")


def split_facts(data: Corpus, split: str, drawn: str = "") -> SplitFacts:
    """Return the facts about one split of a corpus."""
    counts = dict(sorted(data.counts(split).items()))
    return SplitFacts(documents=len(data[split]), mentions=counts, sha256=data.fingerprint(split), drawn=drawn)
