"""A labeled report, the mentions in it, and the entities that a model finds.

Every file format is read into `Document`; all later code uses only that. Offsets are
Python's: code points, `start` inclusive, `end` exclusive.

>>> report = Document("r1", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")))
>>> [report.slice(m) for m in report.mentions]
['Rebels', 'Goma']
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from conflict_ner.data.entity_html import entity_html
from conflict_ner.values.quantity import Quantity

SURROGATE = re.compile(r"[\ud800-\udfff]")  # half of a surrogate pair: cannot be written as UTF-8


class Span(Protocol):
    """Anything that labels `text[start:end]`: a gold mention or a predicted entity."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def label(self) -> str: ...


def is_encodable(text: str) -> bool:
    """Return whether a string can be written as UTF-8: it contains no half of a surrogate pair."""
    return not SURROGATE.search(text)


@dataclass(frozen=True, slots=True, order=True)
class Mention:
    """A gold mention: `text[start:end]` carries `label`."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Entity:
    """A predicted mention. `text == source[start:end]` always; `score` is in [0, 1].

    Filled only by a Tagger that was loaded with `values=True`:

    value: of a number, the figure that its words state; None also where they state none (`explain_number` says why).
    kind: what a number counts, if the model knows it (`killed`), or the kind of a weapon (`uav`); None if unknown.

    source: `model`, or `names` if it is a name of the user's list, whose score is 1.
    """

    label: str
    text: str
    start: int
    end: int
    score: float
    value: Quantity | None = None
    kind: str | None = None
    source: Literal["model", "names"] = "model"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return entity_html(self)


@dataclass(frozen=True, slots=True)
class Document:
    """One labeled report.

    `mentions` are in the order of their offsets. `metadata` holds everything in the file
    other than id, text and mentions (theatre, genre, source, licence ...). `origin`
    (`file:line`), `places` (`file:line:column` of each mention, in formats that have columns)
    and `is_valid` (whether it was read without a problem) are ignored in comparisons.
    """

    id: str
    text: str
    mentions: tuple[Mention, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    origin: str = field(default="", compare=False)
    places: tuple[str, ...] = field(default=(), compare=False)
    is_valid: bool = field(default=True, compare=False)

    def metadata_text(self, name: str) -> str | None:
        """Return a metadata field's value as a string, lists and numbers as JSON; None if there is no such field."""
        value = self.metadata.get(name)
        return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def slice(self, span: Span) -> str:
        """Return the characters that a span covers."""
        return self.text[span.start : span.end]

    def place(self, index: int) -> str:
        """Return the position of mention number `index` in its file, with the column if the format has columns."""
        return self.places[index] if index < len(self.places) else self.origin


def describe_text_difference(first: Document, second: Document) -> str:
    """Say where the text of the second document begins to differ from that of the first."""
    characters = enumerate(zip(first.text, second.text, strict=False))
    shorter = min(len(first.text), len(second.text))
    start = next((index for index, (a, b) in characters if a != b), shorter)
    excerpt = second.text[start : start + 20]
    return f"the text of report {second.id!r} differs from that at {first.origin}, starting at {excerpt!r}"
