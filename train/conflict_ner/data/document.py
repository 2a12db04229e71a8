"""The normal form of a labeled report, and what a model finds in one.

Both data forms are read into a `Document` at once and everything later speaks of
nothing else. Offsets are Python's: code points, `start` inclusive, `end` exclusive.

>>> report = Document("r1", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")))
>>> [report.slice(m) for m in report.mentions]
['Rebels', 'Goma']
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

SURROGATE = re.compile(r"[\ud800-\udfff]")  # half of a pair: cannot be written as UTF-8


class Span(Protocol):
    """Anything that marks `text[start:end]` with a label: a gold mention or an entity."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def label(self) -> str: ...


def is_encodable(text: str) -> bool:
    """Whether a string can be written as UTF-8: no half of a surrogate pair stands in it."""
    return not SURROGATE.search(text)


@dataclass(frozen=True, slots=True, order=True)
class Mention:
    """A gold mention: `text[start:end]` carries `label`."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Entity:
    """A predicted mention. `text == source[start:end]` always; `score` is in [0, 1]."""

    label: str
    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Document:
    """One labeled report.

    `mentions` are in order of their offsets. `metadata` is whatever the file says beside
    id, text and mentions (theatre, genre, source, licence ...). `origin` (`file:line`) and
    `places` (`file:line:column` a mention, where the form has columns) serve messages only
    and take no part in comparisons, nor does `sound`: whether it was read without a problem.
    """

    id: str
    text: str
    mentions: tuple[Mention, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    origin: str = field(default="", compare=False)
    places: tuple[str, ...] = field(default=(), compare=False)
    is_valid: bool = field(default=True, compare=False)

    def metadata_text(self, name: str) -> str | None:
        """A metadata field's value as a string, lists and numbers in JSON; None where there is none."""
        value = self.metadata.get(name)
        return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def slice(self, span: Span) -> str:
        """The characters that a span marks."""
        return self.text[span.start : span.end]

    def place(self, index: int) -> str:
        """Where mention number `index` stands, as finely as the form allows."""
        return self.places[index] if index < len(self.places) else self.origin
