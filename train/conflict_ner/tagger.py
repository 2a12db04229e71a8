"""Loads a checkpoint and tags texts: what users' scripts import.

from conflict_ner import Tagger

tagger = Tagger.load("models/default")
for entity in tagger.tag("At least 19 fighters died in a drone strike near El Fasher."):
    print(entity.label, entity.text, entity.start, entity.end, entity.score)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

from tokenizers import Tokenizer

from conflict_ner.checkpoint import Checkpoint
from conflict_ner.document import Entity, is_text
from conflict_ner.encoding import TextEncoder
from conflict_ner.errors import CheckpointError, ConfigError, EncoderError, Problem
from conflict_ner.labels import LabelScheme
from conflict_ner.prediction import Predictor
from conflict_ner.runtime import Precision, Runtime


class Tagger:
    """Finds the mentions in texts of any length; offsets always slice the text given."""

    def __init__(
        self, checkpoint: Checkpoint, predictor: Predictor, thresholds: Mapping[str, float] | None = None
    ) -> None:
        self.checkpoint = checkpoint
        self.thresholds = dict(thresholds or {})
        self._predictor = predictor

    @classmethod
    def load(
        cls,
        folder: Path | str,
        device: str = "auto",
        thresholds: Mapping[str, float] | None = None,
        precision: Precision = "auto",
    ) -> Tagger:
        """Load a checkpoint that this package exported.

        Args:
            device: `auto` (a GPU where there is one), or what PyTorch calls a device.
            thresholds: by label, the least score of an entity to be given; by default all are.
                Choose them on validation data (`conflict-ner evaluate --curves`).
            precision: `auto` is the fastest that leaves the spans as they are in `fp32` (see
                `torchmodel`); `bf16` is faster yet, and gives a word in ten thousand another tag.
                An exported form has the precision that it was exported in.

        Raises:
            CheckpointError: if the folder is no whole checkpoint, or needs a library that is missing.
            ConfigError: if a threshold is for an unknown label or is not from 0 to 1.
            EncoderError: if there is no such device.
        """
        checkpoint = Checkpoint.load(folder)
        refuse_wrong_thresholds(thresholds or {}, checkpoint.manifest.labels)
        _refuse_other_labels(checkpoint)
        try:
            tokenizer = Tokenizer.from_file(str(checkpoint.folder / "tokenizer.json"))
        except Exception as error:  # the library raises nothing narrower
            raise CheckpointError(f"{folder} is damaged: tokenizer.json: {error}") from None
        encoder = TextEncoder.make(tokenizer, checkpoint.manifest.window, checkpoint.manifest.overlap)
        runtime = _runtime(checkpoint, device, precision)
        return cls(checkpoint, Predictor(runtime, encoder, checkpoint.scheme), thresholds)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that an entity can have."""
        return self.checkpoint.manifest.labels

    @overload
    def tag(self, texts: str) -> list[Entity]: ...  # type: ignore[overload-overlap] # a str is a sequence of str too
    @overload
    def tag(self, texts: Sequence[str]) -> list[list[Entity]]: ...

    def tag(self, texts: str | Sequence[str]) -> list[Entity] | list[list[Entity]]:
        """The entities of one text, or a list of them for each of a sequence of texts, in order.

        Raises:
            TypeError: if given anything but a string or a sequence of strings.
            ValueError: if a string cannot be written as UTF-8.
        """
        if isinstance(texts, str):
            return next(self.stream([texts]))
        return list(self.stream(texts))

    def stream(self, texts: Iterable[str]) -> Iterator[list[Entity]]:
        """As `tag`, for any number of texts, answered in order; they are read some thousand ahead."""
        found = self._predictor.predict(_strings(texts))
        if not self.thresholds:
            return found
        return ([e for e in each if e.score >= self.thresholds.get(e.label, 0.0)] for each in found)

    @property
    def device(self) -> str:
        """What PyTorch calls the device that the model is on."""
        return self._predictor.runtime.device

    def fit_one_window(self, texts: Sequence[str]) -> list[bool]:
        """Which texts the encoder reads whole; longer ones are read in overlapping windows."""
        return [len(encoded.windows) == 1 for encoded in self._predictor.encoder.encode(texts)]


def _runtime(checkpoint: Checkpoint, device: str, precision: Precision) -> Runtime:
    """The checkpoint's model, computed by the library that its form is for; no other is imported."""
    if checkpoint.manifest.exported:
        from conflict_ner.onnxmodel import OnnxModel

        return OnnxModel.load(checkpoint.folder, device)
    from conflict_ner.encoder import load_model, on_device
    from conflict_ner.hardware import choose
    from conflict_ner.torchmodel import TorchModel

    try:
        model = load_model(str(checkpoint.folder))
    except EncoderError as error:
        raise CheckpointError(f"{checkpoint.folder} is damaged: {str(error).splitlines()[0]}") from error
    return TorchModel.of(on_device(model, choose(device, "fp32").device), precision)


def _refuse_other_labels(checkpoint: Checkpoint) -> None:
    """What plain transformers would call the tags must be what we call them."""
    try:
        config = json.loads((checkpoint.folder / "config.json").read_bytes())
        scheme = LabelScheme.from_id2label(config["id2label"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{checkpoint.folder} is damaged: config.json: {error}") from None
    if scheme != checkpoint.scheme:
        raise CheckpointError(f"{checkpoint.folder}: config.json and manifest.json name different labels")


def refuse_wrong_thresholds(thresholds: Mapping[str, float], labels: Sequence[str]) -> None:
    """Raise if a threshold is for an unknown label or is not from 0 to 1.

    Raises:
        ConfigError: naming each.
    """
    problems = []
    for label, value in thresholds.items():
        said = f"threshold {label}={value:g}" if isinstance(value, float) else f"threshold {label}={value!r}"
        if label not in labels:
            problems.append(Problem(said, "not a label of this checkpoint", f"the labels are {', '.join(labels)}"))
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            problems.append(Problem(said, "not a score", "give a number from 0 to 1"))
    if problems:
        raise ConfigError("the choice of thresholds", problems)


def _strings(texts: Iterable[str]) -> Iterator[str]:
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts must be strings; number {number} is {type(text).__name__}")
        if not is_text(text):
            raise ValueError(f"text number {number} has half of a surrogate pair in it")
        yield text
