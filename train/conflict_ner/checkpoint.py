"""The checkpoint folder of a trained model, and the files that describe the model.

A checkpoint is a folder that plain transformers loads (config.json, model.safetensors, tokenizer files). It also holds
what is known of the model: `manifest.json` (this module's `Manifest`), `scores.json`, `run.yaml` (the resolved config)
and `README.md` (the model card).

A token classifier that was trained elsewhere has none of these four. It is a checkpoint too, with a manifest that is
made when it is loaded, from what its own files say (`PlainFacts`); nothing in that has been verified.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from conflict_ner.data.labels import LabelScheme, ModelTags
from conflict_ner.errors import CheckpointError, ConfigError, Problem, damaged_file
from conflict_ner.files import sha256
from conflict_ner.modeling.hub_cache import find_folder, missing_folder_advice, public_name
from conflict_ner.modeling.model_files import WEIGHTS, is_model_folder, read_token_classifier

if TYPE_CHECKING:
    from conflict_ner.config import Config
    from conflict_ner.data.corpus import Corpus
    from conflict_ner.evaluation.report import Report
    from conflict_ner.evaluation.seen_mentions import SeenMentions

FORMAT = 1
SEEN_MENTIONS = "training_memory.json"
ONNX_WEIGHTS = "model.onnx"
SHIPPED_MODEL = Path(__file__).parent / "shipped" / "small"  # comes with the package
_ENGLISH = ("all-minilm", "all-mpnet", "bert-base-uncased", "bert-large-uncased", "conflibert")  # parts of names
_PLAIN_FILES = ("manifest.json", "scores.json", "config.json", "tokenizer.json")  # of an exported plain model
_REQUIRED_FILES = (*_PLAIN_FILES[:2], "run.yaml", *_PLAIN_FILES[2:])
_PLAIN_OVERLAP = 128  # tokens that windows share, as in a config that does not say it
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


class PlainFacts(BaseModel):
    """What the files of a model that was trained elsewhere say of it, and how its tags are read here.

    tags: by id. scheme: the name of their scheme. source: the model's hub id, or the name of its folder.
    names: by the model's own label, the label that its mentions get; those of labels not in it are left out.
    """

    model_config = ConfigDict(frozen=True)

    tags: tuple[str, ...]
    scheme: str
    names: Mapping[str, str]
    source: str

    @property
    def model_tags(self) -> ModelTags:
        """The tags, as the code that decodes them takes them."""
        return ModelTags(self.tags, self.names)

    @property
    def reading(self) -> str:
        """How the model's labels are read, in words."""
        renamed = [label if label == name else f"{label} as {name}" for label, name in self.names.items()]
        left_out = [label for label in self.model_tags.labels if label not in self.names]
        return f"read are {', '.join(renamed)}" + (f"; left out are {', '.join(left_out)}" if left_out else "")


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
    averaged_with: Mapping[str, str] = {}  # the same of each checkpoint whose weights are part of the mean
    scripts: tuple[str, ...] | None = None  # Unicode names of the scripts of the training texts; None: not recorded
    plain: PlainFacts | None = None  # of a model that was trained elsewhere, and of its exports

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
    """A checkpoint folder that has been checked for completeness.

    is_plain: it has no manifest of its own; the files of a model of transformers are all that is known of it.
    """

    folder: Path
    manifest: Manifest
    is_plain: bool = False

    @property
    def name(self) -> str:
        """The name of the folder, or the hub id of a model in the hub's cache."""
        return public_name(self.folder)

    @property
    def unverified(self) -> str | None:
        """What nobody has verified about a model without a manifest, in a sentence; None for other checkpoints."""
        plain = self.manifest.plain
        if not self.is_plain or plain is None:
            return None
        return (
            f"{self.name} is a plain transformers model ({plain.scheme} tags; {plain.reading}). It has no manifest and "
            "no stored predictions: that it finds here what it found where it was trained, and that its scores are "
            "calibrated, was not verified. A word's tag is read at its first subword"
        )

    @cached_property
    def weights_sha256(self) -> str:
        """The SHA-256 of the weights, which takes a second for a large model that has no manifest."""
        return sha256(self.folder / self.manifest.weights) if self.is_plain else self.manifest.weights_sha256

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The names of the files that decide what the model finds."""
        if self.is_plain:
            return read_token_classifier(self.folder).files
        return ("manifest.json", "config.json", "tokenizer.json", self.manifest.weights)

    @cached_property
    def scores(self) -> Mapping[str, Report]:
        """The scores by split, read from `scores.json` on first use: a process that only tags does without them.

        Raises:
            CheckpointError: if the file is damaged.
        """
        from conflict_ner.evaluation.report import ReportsBySplit  # takes longer to import than a text to tag

        if self.is_plain:
            return {}
        file = self.folder / "scores.json"
        try:
            return ReportsBySplit.model_validate_json(file.read_bytes()).splits
        except (ValueError, OSError) as error:  # pydantic's errors are ValueErrors
            raise damaged_file(file, error) from None

    @property
    def scheme(self) -> LabelScheme:
        """The labels that the model predicts."""
        return LabelScheme(self.manifest.labels)

    def config(self) -> Config:
        """Read the resolved config of the run that trained the model, from `run.yaml`.

        Raises:
            ConfigError: if the file is damaged, or the model was trained elsewhere.
        """
        from conflict_ner.config import load_config  # tagging does without it

        if self.manifest.plain:
            fault = Problem("run.yaml", "is missing", "name a checkpoint that conflict-ner has trained")
            raise ConfigError(f"{self.folder}, a model that was trained elsewhere,", [fault])
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
            raise damaged_file(file, error) from None

    @classmethod
    def load(cls, folder: Path | str, label_map: Mapping[str, str | None] | None = None) -> Checkpoint:
        """Read the manifest of a checkpoint, or what the files of a plain transformers model say; no weights are read.

        Args:
            folder: the checkpoint's, or a hub id whose model is in the local cache.
            label_map: for a plain model, by its own label, the label that its mentions get. Mentions of a label that
                is mapped to nothing (an empty string, None) or is not in the map are left out. None: all stay.

        Raises:
            CheckpointError: if the folder is neither a complete checkpoint of this package nor a token classifier
                whose tags can be read, or its manifest is damaged.
            ConfigError: if the map is wrong (see `ModelTags.renamed`), or is for a checkpoint of this package.
        """
        folder = find_folder(folder)
        if not folder.is_dir():
            raise CheckpointError(f"{folder}: no such checkpoint folder; {missing_folder_advice(folder)}")
        if not is_own(folder):
            return cls(folder, _plain_manifest(folder, label_map), is_plain=True)
        manifest = _read_manifest(folder)
        required = _PLAIN_FILES if manifest and manifest.plain else _REQUIRED_FILES
        required = (*required, manifest.weights if manifest else WEIGHTS)
        missing = [name for name in required if not (folder / name).is_file()]
        if manifest is None or missing:
            raise CheckpointError(f"{folder}: not a conflict-ner checkpoint: {', '.join(missing)} missing")
        if label_map is not None:
            fault = f"{folder} has a manifest, which says what its labels are: {', '.join(manifest.labels)}"
            raise ConfigError("the map of labels", [Problem("--map", fault, "leave the map out")])
        return cls(folder, manifest)


def is_own(folder: Path) -> bool:
    """Return whether a folder is a checkpoint of this package, be it damaged or without its manifest."""
    has = {name for name in ("manifest.json", "scores.json", "run.yaml", SEEN_MENTIONS) if (folder / name).is_file()}
    return "manifest.json" in has or SEEN_MENTIONS in has or {"scores.json", "run.yaml"} <= has


def _read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest of a checkpoint; None if there is none."""
    file = folder / "manifest.json"
    if not file.is_file():
        return None
    try:
        tree = json.loads(file.read_bytes())
        if isinstance(tree, dict) and tree.get("format", FORMAT) != FORMAT:
            raise CheckpointError(
                f"{folder}: format {tree['format']}, this version reads {FORMAT}; upgrade conflict-ner"
            )
        return Manifest.model_validate(tree)
    except (ValueError, OSError, RecursionError) as error:  # pydantic's and json's errors are ValueErrors
        raise damaged_file(file, error) from None


def _plain_manifest(folder: Path, label_map: Mapping[str, str | None] | None) -> Manifest:
    """Return what is known of a model without a manifest, in the form of one."""
    model = read_token_classifier(folder)
    if label_map is None and not model.tags.has_outside:
        raise CheckpointError(
            f"{folder / 'config.json'}: id2label has no tag O, so every word would be in a mention; map the labels "
            f"that are wanted, and all others are left out (--map {model.tags.labels[0]}=NAME)"
        )
    tags = model.tags if label_map is None else model.tags.renamed(label_map)
    name = public_name(folder)
    return Manifest(
        labels=tags.output.labels, encoder=name, window=model.window, overlap=_PLAIN_OVERLAP, data={}, best_epoch=0,
        steps=0, history=(), hardware="", versions={}, weights_sha256="",
        plain=PlainFacts(tags=tags.tags, scheme=tags.scheme, names=tags.names, source=name),
    )  # fmt: skip


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
    """Return whether a path is a checkpoint's folder, complete or not: one with a manifest or a model in it."""
    return (path / "manifest.json").is_file() or is_model_folder(path)


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
