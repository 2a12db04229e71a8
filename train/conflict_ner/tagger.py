"""Loads a checkpoint and tags texts: what users' scripts import.

from conflict_ner import Tagger

tagger = Tagger.load("models/default")
for entity in tagger.tag("At least 19 fighters died in a drone strike near El Fasher."):
    print(entity.label, entity.text, entity.start, entity.end, entity.score)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

from conflict_ner.checkpoint import Checkpoint
from conflict_ner.document import Entity, is_text
from conflict_ner.encoder import load_model, load_tokenizer, on_device
from conflict_ner.encoding import TextEncoder
from conflict_ner.errors import CheckpointError, ConfigError, EncoderError, Problem
from conflict_ner.hardware import choose
from conflict_ner.labels import LabelScheme
from conflict_ner.prediction import Predictor


class Tagger:
    """Finds the mentions in texts of any length; offsets always slice the text given."""

    def __init__(
        self, checkpoint: Checkpoint, predictor: Predictor, thresholds: Mapping[str, float] | None = None
    ) -> None:
        self.checkpoint = checkpoint
        self.thresholds = dict(thresholds or {})
        self._predictor = predictor

    @classmethod
    def load(cls, folder: Path | str, device: str = "auto", thresholds: Mapping[str, float] | None = None) -> Tagger:
        """Load a checkpoint that this package exported.

        Args:
            device: `auto` (a GPU where there is one), or what PyTorch calls a device.
            thresholds: by label, the least score of an entity to be given; by default all are.
                Choose them on validation data (`conflict-ner evaluate --curves`).

        Raises:
            CheckpointError: if the folder is no whole checkpoint.
            ConfigError: if a threshold is for an unknown label or is not from 0 to 1.
            EncoderError: if there is no such device.
        """
        checkpoint = Checkpoint.load(folder)
        _refuse_wrong_thresholds(thresholds or {}, checkpoint.manifest.labels)
        try:
            model = load_model(str(checkpoint.folder))
            tokenizer = load_tokenizer(str(checkpoint.folder))
            scheme = LabelScheme.from_id2label(model.config.id2label or {})
        except (EncoderError, ValueError) as error:
            raise CheckpointError(f"{folder} is damaged: {str(error).splitlines()[0]}") from error
        if scheme != checkpoint.scheme:
            raise CheckpointError(f"{folder}: config.json and manifest.json name different labels")
        model = on_device(model, choose(device, "fp32").device)
        encoder = TextEncoder.make(tokenizer, checkpoint.manifest.window, checkpoint.manifest.overlap)
        return cls(checkpoint, Predictor(model, encoder, scheme), thresholds)

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
        """As `tag`, for any number of texts, answered in order; they are read some hundreds ahead."""
        found = self._predictor.predict(_strings(texts))
        if not self.thresholds:
            return found
        return ([e for e in each if e.score >= self.thresholds.get(e.label, 0.0)] for each in found)

    @property
    def device(self) -> str:
        """What PyTorch calls the device that the model is on."""
        return str(self._predictor.model.device)

    def fit_one_window(self, texts: Sequence[str]) -> list[bool]:
        """Which texts the encoder reads whole; longer ones are read in overlapping windows."""
        return [len(encoded.windows) == 1 for encoded in self._predictor.encoder.encode(texts)]


def _refuse_wrong_thresholds(thresholds: Mapping[str, float], labels: Sequence[str]) -> None:
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
