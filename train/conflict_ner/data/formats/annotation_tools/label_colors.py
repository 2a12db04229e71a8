"""Colors of labels in annotation tools: distinct, and dark enough for white text.

>>> color_labels(["ACTOR", "WEAPON"])
{'ACTOR': '#00639c', 'WEAPON': '#b34700'}
"""

from __future__ import annotations

from collections.abc import Iterable
from colorsys import hls_to_rgb
from itertools import product

from conflict_ner.data.entity_html import COLORS

_HUES, _LIGHTNESSES, _SATURATIONS = 24, (0.2, 0.3, 0.38, 0.46), (0.35, 0.9)
_LEAST_CONTRAST = 4.5  # of text, by the Web Content Accessibility Guidelines 2.2, success criterion 1.4.3


def color_labels(labels: Iterable[str]) -> dict[str, str]:
    """Return a color for each label, as `#rrggbb`: first those of our pages, then always the one least like the others.

    Some colors return after about a hundred labels.
    """
    names, colors = list(dict.fromkeys(labels)), list(COLORS)
    others = _candidates() if len(names) > len(colors) else []
    while others and len(colors) < len(names):
        chosen = max(others, key=lambda color: min(_distance(color, each) for each in colors))
        others.remove(chosen)
        colors.append(chosen)
    return {name: colors[number % len(colors)] for number, name in enumerate(names)}


def contrast_with_white(color: str) -> float:
    """Return the contrast ratio of white text on a color, from 1 to 21 (Web Content Accessibility Guidelines 2.2)."""
    red, green, blue = (_linear(value / 255) for value in _channels(color))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _candidates() -> list[str]:
    grid = product(range(_HUES), _LIGHTNESSES, _SATURATIONS)
    rgb = (hls_to_rgb(hue / _HUES, lightness, saturation) for hue, lightness, saturation in grid)
    colors = ("#" + "".join(f"{round(value * 255):02x}" for value in each) for each in rgb)
    return [color for color in colors if contrast_with_white(color) >= _LEAST_CONTRAST]


def _channels(color: str) -> list[int]:
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - the curve of sRGB


def _distance(first: str, second: str) -> float:
    """Return how different two colors look: the weighted distance of https://www.compuphase.com/cmetric.htm."""
    pairs = list(zip(_channels(first), _channels(second), strict=True))
    red, green, blue = ((a - b) ** 2 for a, b in pairs)
    mean_red = sum(pairs[0]) / 512
    return (2 + mean_red) * red + 4 * green + (3 - mean_red) * blue
