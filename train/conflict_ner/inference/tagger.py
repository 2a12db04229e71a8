"""Loads a checkpoint and tags texts: the class that users' scripts import.

from conflict_ner import Tagger

tagger = Tagger.load()  # the model that comes with the package; Tagger.load("models/default") loads your own
for entity in tagger.tag("At least 19 fighters died in a drone strike near El Fasher."):
    print(entity.label, entity.text, entity.start, entity.end, entity.score)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, KeysView, Mapping, Sequence, Set
from dataclasses import dataclass
from math import isnan
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, overload

from conflict_ner.checkpoint import Checkpoint, shipped_model
from conflict_ner.data.document import Entity, is_encodable
from conflict_ner.data.entity_html import TaggedText
from conflict_ner.data.label_levels import kinds_below, resolve_label
from conflict_ner.errors import CheckpointError, ConfigError, Problem
from conflict_ner.files import sha256
from conflict_ner.inference.mention_values import ValueReader
from conflict_ner.inference.predictor import Predictor
from conflict_ner.inference.runtime import TaggingPrecision

if TYPE_CHECKING:
    from conflict_ner.inference.names import NameMatcher


class Tagger:
    """Tags texts of any length; `text[entity.start:entity.end]` is always the entity's text."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        predictor: Predictor,
        thresholds: Mapping[str, float] | None = None,
        values: ValueReader | None = None,
        names: NameMatcher | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.thresholds = dict(thresholds or {})
        self.values = values
        self.names = names
        self._predictor = predictor
        self._loaded: _LoadArguments | None = None

    @classmethod
    def load(
        cls,
        folder: Path | str | None = None,
        device: str = "auto",
        thresholds: Mapping[str, float] | None = None,
        precision: TaggingPrecision = "auto",
        values: bool = False,
        names: Path | str | NameMatcher | None = None,
        label_map: Mapping[str, str | None] | None = None,
    ) -> Tagger:
        """Load a checkpoint, a token classifier that was trained elsewhere, or the model that comes with the package.

        Args:
            folder: the checkpoint's, a folder with a plain transformers model, or a hub id whose model is in the local
                cache; None for the model that comes with the package. Of a plain model, a line on standard error says
                once what was not verified.
            device: `auto` (a GPU if there is one), or a device as PyTorch names it.
            thresholds: by label, the lowest score of an entity to be returned; by default all are returned. That of
                a label is also that of its kinds without one of their own: NUMBER's of NUMBER.killed.
                Choose them on validation data (`conflict-ner evaluate --curves`).
            precision: `auto` is the fastest that finds the same spans as `fp32` (see `torch_runtime`), and `fp32` for a
                plain model; `bf16` is faster still, and gives one word in ten thousand another tag. ONNX forms have
                the precision that they were exported in.
            values: fill in `Entity.value` and `Entity.kind`, by the conventions of docs/values.md. Which labels are
                numbers and weapons is in the config of the checkpoint's run (`values`).
            names: a file with names and their labels (see `name_lists`), which win over what the model finds.
            label_map: for a plain model, by its own label, the label that its mentions get (see `Checkpoint.load`).

        Raises:
            CheckpointError: if the folder is not a complete checkpoint or needs a library that is missing, none is
                named and the package was built without its model, or a plain model cannot be read.
            ConfigError: if a threshold is for an unknown label or is not from 0 to 1, the precision is unknown, the
                list of names has problems, values are wanted and the checkpoint's `run.yaml` is damaged, or the map
                of labels is wrong.
            EncoderError: if there is no such device.
            TypeError: if the thresholds or the map of labels are not a mapping.
        """
        device = str(device)  # may be a torch.device
        if not isinstance(thresholds, Mapping | None):
            raise TypeError(f"thresholds are a score for each label, such as {{'WEAPON': 0.6}}, not {thresholds!r}")
        if not isinstance(label_map, Mapping | None):
            raise TypeError(f"label_map is a name for each label, such as {{'PER': 'ACTOR'}}, not {label_map!r}")
        known = get_args(TaggingPrecision)
        if precision not in known:
            fault = Problem("precision", f"unknown: {precision!r}", f"use one of {', '.join(known)}")
            raise ConfigError("the call", [fault])
        checkpoint = Checkpoint.load(shipped_model() if folder is None else folder, label_map)
        tagger = cls._open(checkpoint, device, thresholds, precision, label_map, values=values, names=names)
        _say_once(checkpoint)
        return tagger

    @classmethod
    def _open(
        cls, checkpoint: Checkpoint, device: str, thresholds: Mapping[str, float] | None, precision: TaggingPrecision,
        label_map: Mapping[str, str | None] | None, *, values: bool, names: Path | str | NameMatcher | None,
    ) -> Tagger:  # fmt: skip
        """Load the model of a checkpoint whose facts have been read."""
        stamps, names_of_labels = _stamps(checkpoint), None if label_map is None else dict(label_map)
        loaded = _LoadArguments(checkpoint.folder.absolute(), device, precision, values, stamps, names_of_labels)
        reader = value_reader(checkpoint) if values else None
        refuse_wrong_thresholds(thresholds or {}, checkpoint.manifest.labels)
        matcher = read_names(names, checkpoint.manifest.labels)
        predictor = Predictor.load(checkpoint, device, precision)
        tagger = cls(checkpoint, predictor, thresholds, reader, matcher)
        tagger._loaded = loaded
        return tagger

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle or deepcopy without the weights: the copy loads the same folder again.

        Raises:
            CheckpointError: if the folder has changed since it was loaded, or no longer exists.
        """
        if self._loaded is None:
            raise TypeError("only a Tagger that Tagger.load gave can be pickled or copied")
        if _stamps(self.checkpoint, self._loaded.folder) != self._loaded.stamps:
            raise CheckpointError(
                f"{self._loaded.folder} has changed since this Tagger was loaded from it, so it cannot be pickled or "
                "copied; load it again with Tagger.load"
            )
        digests = _digests(self.checkpoint, self._loaded.folder)
        return _reload, (self._loaded, self.thresholds, digests, self.names)

    def __copy__(self) -> Tagger:
        """Return a Tagger with the same model and a copy of the thresholds."""
        other = type(self)(self.checkpoint, self._predictor, self.thresholds, self.values, self.names)
        other._loaded = self._loaded
        return other

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that an entity can have."""
        return self.checkpoint.manifest.labels

    @overload
    def tag(self, texts: str) -> list[Entity]: ...  # type: ignore[overload-overlap] # a str is a sequence of str too
    @overload
    def tag(self, texts: Iterable[str]) -> list[list[Entity]]: ...

    def tag(self, texts: str | Iterable[str]) -> list[Entity] | list[list[Entity]]:
        """Return the entities of one text, or a list of entities for each of several texts.

        Entities are in the order of the text and do not overlap.

        Args:
            texts: a string, or a list, generator, array or column of strings.

        Raises:
            TypeError: if it is anything else; the message says what to pass instead.
            ValueError: if a string cannot be encoded as UTF-8.
        """
        if isinstance(texts, str):
            return next(self.stream([texts]))
        return list(self.stream(texts))

    def show(self, text: str) -> TaggedText:
        """Tag a text for a notebook, which shows the result in color: a box around each entity, its label and score.

        Raises:
            TypeError, ValueError: as `tag` does.
        """
        if not isinstance(text, str):
            raise TypeError(f"show takes one text, not {type(text).__name__}; call it for each")
        return TaggedText(text, tuple(self.tag(text)), self.labels)

    def stream(self, texts: Iterable[str]) -> Iterator[list[Entity]]:
        """Yield the entities of each text, in order, for any number of texts; about a thousand are read ahead.

        Raises:
            TypeError, ValueError: as `tag` does.
        """
        if isinstance(texts, str):  # each of its characters would become a text
            raise TypeError("texts must be several strings, not one; pass [text], or call tag(text)")
        strings = require_strings(texts)
        found = self._predict(strings) if self.names is None else self.names.overlay(strings, self._predict)
        return found if self.values is None else map(self.values.fill, found)

    def _predict(self, texts: Iterable[str]) -> Iterator[list[Entity]]:
        """Yield what the model finds in each text with the scores that are wanted."""
        found = self._predictor.predict(texts)
        if not self.thresholds:
            return found
        # A threshold of NUMBER is that of NUMBER.killed too, unless that has its own.
        above = {label: resolve_label(label, self.thresholds) for label in self.labels}
        lowest = {label: self.thresholds[name] for label, name in above.items() if name is not None}
        return ([e for e in entities if e.score >= lowest.get(e.label, 0.0)] for entities in found)

    @property
    def predictor(self) -> Predictor:
        """What computes and decodes, for code that needs logits."""
        return self._predictor

    @property
    def device(self) -> str:
        """The device that the model is on, as PyTorch names it."""
        return self._predictor.runtime.device

    def fit_one_window(self, texts: Sequence[str]) -> list[bool]:
        """Return for each text whether it fits one window of the encoder; longer texts get overlapping windows."""
        return [len(encoded.windows) == 1 for encoded in self._predictor.window_tokenizer.encode(texts)]


_said: set[Path] = set()  # the plain models about which it was said what was not verified


def _say_once(checkpoint: Checkpoint) -> None:
    """Print on standard error what nobody has verified about a plain model, once in a process."""
    if checkpoint.unverified and (folder := checkpoint.folder.resolve()) not in _said:
        _said.add(folder)
        print(f"note: {checkpoint.unverified}", file=sys.stderr)


def value_reader(checkpoint: Checkpoint) -> ValueReader:
    """Return the reader of values for the labels that a checkpoint's config names; NUMBER and WEAPON if it has none.

    Raises:
        ConfigError: if the config is damaged, or names labels that it has not.
    """
    return ValueReader() if checkpoint.manifest.plain else ValueReader.of(checkpoint.config())


def read_names(names: Path | str | NameMatcher | None, labels: Sequence[str]) -> NameMatcher | None:
    """Return a list of names, read from its file unless that has been done.

    Raises:
        ConfigError: if the list has problems.
    """
    if names is None:
        return None
    from conflict_ner.inference.name_lists import load_names  # the readers of files, which other users do without
    from conflict_ner.inference.names import NameMatcher

    if not isinstance(names, NameMatcher):
        return load_names(names, labels)
    unknown = dict.fromkeys(name.label for name in names.names if name.label not in labels)
    if unknown:
        fault, fix = "is not one of the model's labels", f"use one of {', '.join(labels)}"
        raise ConfigError("the list of names", [Problem(label, fault, fix) for label in unknown])
    return names


def refuse_wrong_thresholds(thresholds: Mapping[str, float], labels: Sequence[str]) -> None:
    """Refuse thresholds for unknown labels and thresholds that are not from 0 to 1.

    Raises:
        ConfigError: with a problem for each of them.
    """
    problems = []
    for label, value in thresholds.items():
        setting = f"threshold {label}={value:g}" if isinstance(value, float) else f"threshold {label}={value!r}"
        if label not in labels and not kinds_below(label, labels):
            problems.append(Problem(setting, "not a label of this checkpoint", f"the labels are {', '.join(labels)}"))
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:
            problems.append(Problem(setting, "not a score", "give a number from 0 to 1"))
    if problems:
        raise ConfigError("the choice of thresholds", problems)


@dataclass(frozen=True, slots=True)
class _LoadArguments:
    """How a Tagger was loaded, so that its pickled copies can be loaded the same way.

    stamps: by file name, the size in bytes and the time of the last change in nanoseconds.
    """

    folder: Path
    device: str
    precision: TaggingPrecision
    values: bool
    stamps: Mapping[str, tuple[int, int]]
    label_map: Mapping[str, str | None] | None = None


def _reload(
    loaded: _LoadArguments,
    thresholds: Mapping[str, float],
    digests: Mapping[str, str],
    names: NameMatcher | None = None,
) -> Tagger:
    """Load a pickled Tagger from its folder if the folder still holds the same model."""
    if not loaded.folder.is_dir():
        raise CheckpointError(
            f"{loaded.folder}: no such checkpoint folder; a pickled Tagger loads its model from the folder that it was "
            "loaded from, so put that back, or load another with Tagger.load"
        )
    checkpoint = Checkpoint.load(loaded.folder, loaded.label_map)
    if _stamps(checkpoint) != loaded.stamps and _digests(checkpoint, loaded.folder) != digests:
        raise CheckpointError(
            f"{loaded.folder} has changed since this Tagger was pickled; load it again with Tagger.load"
        )
    return Tagger._open(
        checkpoint, loaded.device, thresholds, loaded.precision, loaded.label_map, values=loaded.values, names=names
    )


def _stamps(checkpoint: Checkpoint, folder: Path | None = None) -> Mapping[str, tuple[int, int]]:
    stamps = {}
    for name in checkpoint.files:
        try:
            status = ((folder or checkpoint.folder) / name).stat()
        except OSError as error:
            raise CheckpointError(f"{error.filename}: {error.strerror}; a Tagger was loaded from it") from None
        stamps[name] = (status.st_size, status.st_mtime_ns)
    return stamps


def _digests(checkpoint: Checkpoint, folder: Path) -> Mapping[str, str]:
    return {name: sha256(folder / name) for name in checkpoint.files}


def _require_iterable(texts: object) -> Iterable[object]:
    """Return the argument if it is an ordered series.

    Raises:
        TypeError: if it is not; the message names its type and what to pass instead.
    """
    name = type(texts).__name__
    match texts:
        case bytes() | bytearray() | memoryview():
            advice = "decode it first, for example text.decode('utf-8')"
        case Mapping():
            advice = "pass its texts, for example list(texts.values())"
        case Set() if not isinstance(texts, KeysView):
            advice = "it has no order for the results; pass a list, for example sorted(texts)"
        case os.PathLike():
            advice = "read it first, for example path.read_text(encoding='utf-8'); `conflict-ner tag` reads files"
        case Iterable() if hasattr(texts, "columns"):
            advice = "pass the column with the texts, for example table['text']"
        case Iterable() if getattr(texts, "ndim", 1) != 1:
            advice = "pass a list or an array of one dimension"
        case Iterable():
            return texts
        case _:
            advice = "pass a string, or a list of strings"
    raise TypeError(f"tag cannot read {name}: {advice}")


def require_strings(texts: object) -> Iterator[str]:
    """Return the texts of an ordered series as plain strings.

    Raises:
        TypeError: if it is no such series, or, at its turn, if a text is no string.
        ValueError: at its turn, if a text has half of a surrogate pair.
    """
    return _plain_strings(_require_iterable(texts))


def _plain_strings(texts: Iterable[object]) -> Iterator[str]:
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts must be strings; number {number} is {type(text).__name__}{_advice(text)}")
        if not is_encodable(text):
            fix = "read the file with the right encoding, or replace it: text.encode('utf-8', 'replace').decode()"
            raise ValueError(f"text number {number} has half of a surrogate pair in it; {fix}")
        yield str.__str__(text)  # a plain string also for a subclass such as NumPy's


def is_missing(text: object) -> bool:
    """Return whether a text is missing: None, or the NaN or NA by which pandas marks it."""
    return text is None or type(text).__name__ in ("NAType", "NaTType") or (isinstance(text, float) and isnan(text))


def _advice(text: object) -> str:
    if isinstance(text, bytes | bytearray):
        return "; decode it first, for example text.decode('utf-8')"
    if is_missing(text):
        return " (a missing value); leave it out, or give an empty string for it"
    return ""
