r"""Shows entities as HTML: a colored box around each, with its label and its score. Notebooks ask for it.

Texts and labels are untrusted and are escaped. Everything is in style attributes, because notebooks remove scripts and
style sheets. The colors are those of all charts and pages.

>>> from conflict_ner.data.document import Entity
>>> html = text_html("<b>Rebels</b> left.", [Entity("ACTOR", "Rebels", 3, 9, 0.98)], ["ACTOR"])
>>> "&lt;b&gt;<mark" in html, "ACTOR" in html, "0.98" in html
(True, True, True)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol
from zlib import crc32

# Dark enough for text and lines on white (Okabe & Ito 2008); the boxes on pages are lighter tints of them.
COLORS = ("#00639c", "#b34700", "#007a58", "#9a3d78", "#7a6200", "#4b4fb0", "#8c2d2d", "#4a5a66")
LOW_SCORE = 0.7  # mentions that score below it should be checked first
_TINT = 0.16  # the strength of a label's color behind a mention
_OUR_LABELS = ("ACTOR", "WEAPON", "LOCATION", "NUMBER")


class Shown(Protocol):
    """An entity, as far as it is shown."""

    @property
    def label(self) -> str:
        """Its label."""

    @property
    def text(self) -> str:
        """The words."""

    @property
    def start(self) -> int:
        """Where it begins in its text."""

    @property
    def end(self) -> int:
        """Where it ends."""

    @property
    def score(self) -> float:
        """How sure the model is, from 0 to 1."""

    @property
    def value(self) -> Any:
        """What a number states, or None."""

    @property
    def kind(self) -> str | None:
        """What a number counts or which kind a weapon is, or None."""


@dataclass(frozen=True, slots=True)
class TaggedText:
    """A text with the entities that a model found in it, which a notebook shows in color.

    labels: all labels of the model, in its order, which gives them their colors.
    """

    text: str
    entities: tuple[Shown, ...]
    labels: tuple[str, ...]

    def _repr_html_(self) -> str:
        return text_html(self.text, self.entities, self.labels)


def text_html(text: str, entities: Iterable[Shown], labels: Sequence[str]) -> str:
    """Return a text with its entities in boxes, as one element of HTML.

    Args:
        text: the text that the entities are of.
        entities: in order and without overlap.
        labels: all labels of the model, for the colors.
    """
    parts, position = [], 0
    for entity in entities:
        parts += [escape(text[position : entity.start]), entity_html(entity, labels)]
        position = entity.end
    parts.append(escape(text[position:]))
    style = "white-space: pre-wrap; overflow-wrap: anywhere; line-height: 2; max-width: 46rem"
    return f'<div dir="auto" style="{style}">{"".join(parts)}</div>'


def entity_html(entity: Shown, labels: Sequence[str] = _OUR_LABELS) -> str:
    """Return an entity in a box of its label's color, with its label and score; what it is worth shows on hovering."""
    color = COLORS[color_number(entity.label, labels)]
    score = f"{entity.score:.2f}"
    # The score as shown: 0.70 never counts as lower than 0.70.
    line = "dashed" if float(score) < LOW_SCORE else "solid"
    box = f"background: {tint(color)}; color: #1d2327; border: 1px {line} {color}; border-radius: 3px; padding: 0 2px"
    caption = f"color: {color}; font-size: .7em; font-weight: 700"
    worth = ", ".join(str(each) for each in (entity.kind, entity.value) if each is not None)
    title = f' title="{escape(worth)}"' if worth else ""
    return (
        f'<mark style="{box}"{title}>{escape(entity.text)} '
        f'<b style="{caption}">{escape(entity.label)} {score}</b></mark>'
    )


def color_number(label: str, labels: Sequence[str] = _OUR_LABELS) -> int:
    """Return which of `COLORS` a label has: that of its place in the list, or of the label that it is a kind of.

    >>> color_number("LOCATION"), color_number("NUMBER.killed"), color_number("B", ["A", "B"])
    (2, 3, 1)
    """
    matching = (number for number, known in enumerate(labels) if label.startswith(known))
    number = labels.index(label) if label in labels else next(matching, crc32(label.encode()))
    return number % len(COLORS)


def tint(color: str) -> str:
    """Return a light shade of a color, for a background.

    >>> tint("#000000")
    '#d6d6d6'
    """
    channels = (int(color[k : k + 2], 16) for k in (1, 3, 5))
    return "#" + "".join(f"{round(255 - _TINT * (255 - channel)):02x}" for channel in channels)
