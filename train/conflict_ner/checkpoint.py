"""What a trained model leaves on disk.

A checkpoint is a folder that plain transformers loads (config.json, model.safetensors,
tokenizer files) and beside it what we know of the model: `manifest.json` (this module's
`Manifest`), `scores.json`, `run.yaml` (the resolved config) and `README.md` (the model card).
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from conflict_ner.data.labels import LabelScheme
from conflict_ner.errors import CheckpointError
from conflict_ner.evaluation.report import Report
from conflict_ner.evaluation.seen_mentions import SeenMentions

if TYPE_CHECKING:
    from conflict_ner.config import Config
    from conflict_ner.data.corpus import Corpus

FORMAT = 1
WEIGHTS = "model.safetensors"
SEEN_MENTIONS = "training_memory.json"
ONNX_WEIGHTS = "model.onnx"
_ENGLISH = ("all-minilm", "all-mpnet", "bert-base-uncased", "bert-large-uncased", "conflibert")  # encoders' names
_NEEDED = ("manifest.json", "scores.json", "run.yaml", "config.json", "tokenizer.json")
_LIBRARIES = ("conflict-ner", "torch", "transformers", "tokenizers", "datasets", "seqeval")


class SplitFacts(BaseModel):
    """What a split held: enough to recognise the data again, none of its text.

    drawn: how it was drawn from the training reports, if it was.
    """

    model_config = ConfigDict(frozen=True)

    documents: int
    mentions: Mapping[str, int]
    sha256: str
    drawn: str = ""


class PipelineFacts(BaseModel):
    """How plain `transformers.pipeline` agrees with the Tagger, strategy by strategy.

    Measured on the evaluated texts that fit one window.
    """

    model_config = ConfigDict(frozen=True)

    strategy: str  # the one that agrees best
    texts: int
    mentions: int  # that the Tagger finds in those texts
    identical_texts: Mapping[str, int]  # a strategy: texts with the same mentions
    shared_mentions: Mapping[str, int]  # a strategy: mentions that both find


class CalibrationFacts(BaseModel):
    """How scores were calibrated on validation (see `calibration`).

    Expected calibration errors (ECE) are of the predicted spans of validation, which also gave
    the temperature: figures of other data are the honest ones.
    """

    model_config = ConfigDict(frozen=True)

    temperature: float
    fitted_on: str  # "spans", "words", or nothing: then the temperature is 1 and the note says why
    spans: int  # predicted in validation
    ece_before: float | None
    ece_after: float | None
    note: str = ""


class ExportFacts(BaseModel):
    """How a form for another runtime was made, and how it compares with what it was made from.

    documents: labeled reports on which both were asked, of validation.
    identical_documents: how many of them got the same spans from both.
    verdict: what the gate found, in words.
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
    """What must be known of a checkpoint to use it and to trust it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    labels: tuple[str, ...]
    encoder: str  # under which name others know it
    window: int  # tokens an input, special ones included
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
    scripts: tuple[str, ...] | None = None  # of the training texts, as Unicode calls them; None: not recorded

    @property
    def known_scripts(self) -> tuple[str, ...]:
        """The scripts that the model was trained on; empty where nobody knows.

        Checkpoints in which they are not recorded know Latin if their encoder is one that knows English only.
        """
        if self.scripts is not None:
            return self.scripts
        english = any(name in self.encoder.lower() for name in _ENGLISH) and "multilingual" not in self.encoder.lower()
        return ("Latin",) if english else ()

    @property
    def weights(self) -> str:
        """The name of the file that `weights_sha256` is of."""
        return ONNX_WEIGHTS if self.exported else WEIGHTS

    @property
    def temperature(self) -> float:
        """By which the logits were divided; the weights have it in them already."""
        return self.calibration.temperature if self.calibration else 1.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint folder that has been looked at and found whole."""

    folder: Path
    manifest: Manifest
    scores: Mapping[str, Report]  # by split

    @property
    def scheme(self) -> LabelScheme:
        """The labels that the model knows."""
        return LabelScheme(self.manifest.labels)

    def config(self) -> Config:
        """Read the resolved config of the run that trained the model, from `run.yaml`.

        Raises:
            ConfigError: if the file is damaged.
        """
        from conflict_ner.config import load_config  # tagging does without it

        return load_config(self.folder / "run.yaml")

    def seen_mentions(self) -> SeenMentions | None:
        """What training has seen; None for a checkpoint that was made before this was kept.

        Raises:
            CheckpointError: if the file is damaged.
        """
        file = self.folder / SEEN_MENTIONS
        if not file.is_file():
            return None
        try:
            return SeenMentions.model_validate_json(file.read_bytes())
        except (ValueError, OSError) as error:
            raise CheckpointError(f"{file} cannot be read: {str(error).splitlines()[0]}") from None

    @classmethod
    def load(cls, folder: Path | str) -> Checkpoint:
        """Read a checkpoint's facts; the weights stay on disk.

        Raises:
            CheckpointError: if the folder is no checkpoint of this package, or is damaged.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise CheckpointError(f"{folder}: no such checkpoint folder; {missing_folder_advice(folder)}")
        missing = [name for name in _NEEDED if not (folder / name).is_file()]
        if not any((folder / name).is_file() for name in (WEIGHTS, ONNX_WEIGHTS)):
            missing.append(WEIGHTS)
        if missing:
            raise CheckpointError(f"{folder}: not a conflict-ner checkpoint: {', '.join(missing)} missing")
        try:
            written = json.loads((folder / "manifest.json").read_bytes())
            if isinstance(written, dict) and written.get("format", FORMAT) != FORMAT:
                raise CheckpointError(
                    f"{folder}: format {written['format']}, this version reads {FORMAT}; upgrade conflict-ner"
                )
            manifest = Manifest.model_validate(written)
            scores = _Scores.model_validate_json((folder / "scores.json").read_bytes()).splits
        except (ValueError, OSError) as error:  # pydantic's and json's errors are ValueErrors
            raise CheckpointError(f"{folder}: manifest.json or scores.json cannot be read: {error}") from None
        if not (folder / manifest.weights).is_file():
            raise CheckpointError(f"{folder}: not a conflict-ner checkpoint: {manifest.weights} missing")
        return cls(folder, manifest, scores)


def missing_folder_advice(folder: Path) -> str:
    """What to do where a checkpoint's folder is not there: it may be meant as an id of the Hugging Face hub."""
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


class _Scores(BaseModel):
    splits: dict[str, Report]


def dump_scores(scores: Mapping[str, Report]) -> str:
    """The content of `scores.json`."""
    return _Scores(splits=dict(scores)).model_dump_json(indent=2) + "\n"


def library_versions() -> dict[str, str]:
    """Of everything that could change a result."""
    from importlib import metadata

    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            found[library] = "not installed"
    return found


def refuse_non_checkpoint(folder: Path) -> None:
    """Raise if exporting to `folder` would replace something that is no checkpoint.

    Raises:
        CheckpointError: saying so.
    """
    replaceable = folder.is_dir() and ((folder / "manifest.json").is_file() or not any(folder.iterdir()))
    if folder.exists() and not replaceable:
        raise CheckpointError(f"{folder} exists and is not a checkpoint; name another folder or remove it")


def split_facts(data: Corpus, split: str, drawn: str = "") -> SplitFacts:
    """The facts of one split of a corpus."""
    counts = dict(sorted(data.counts(split).items()))
    return SplitFacts(documents=len(data[split]), mentions=counts, sha256=data.fingerprint(split), drawn=drawn)
