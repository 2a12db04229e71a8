"""What a number is worth: a figure with its bounds, as far as the words state them.

>>> Quantity(19, low=19)  # at least 19
Quantity(value=19, low=19, high=None, approximate=False, unit=None)
>>> Quantity(None, 20, 30)  # between 20 and 30: no single figure is stated
Quantity(value=None, low=20, high=30, approximate=False, unit=None)
>>> Quantity.exact(40, "percent").high
40
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """A figure, its bounds and its unit, as a coder of events records them (UCDP: low, best, high).

    Args:
        value: the figure that the words state, None if they state no single one; an int where it is a whole number.
        low: the lower bound that the words give, None where that side is open.
        high: the upper bound, likewise.
        approximate: the words call the figure or its bounds inexact.
        unit: `percent`, `share` (a part of one), a currency (`USD`, `rupees`), or None for a count.

    Raises:
        ValueError: the figures are not in the order low <= value <= high, one is not finite, or there is none.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    approximate: bool = False
    unit: str | None = None

    def __post_init__(self) -> None:
        figures = [figure for figure in (self.low, self.value, self.high) if figure is not None]
        if not figures or not all(map(math.isfinite, figures)):
            raise ValueError(f"a quantity has at least one figure, and only finite ones: {self!r}")
        if figures != sorted(figures):
            raise ValueError(f"a quantity's figures are in the order low <= value <= high: {self!r}")

    def __str__(self) -> str:
        """Return the figures as a person writes them.

        >>> print(Quantity(19, low=19), Quantity(None, 2, 5), Quantity(60, approximate=True, unit="USD"), sep="; ")
        19+; 2-5; ~60 USD
        """
        value, low, high = (None if figure is None else f"{figure:,}" for figure in (self.value, self.low, self.high))
        if low is not None and high is not None:
            figures = low if low == high else f"{low}-{high}"
        elif low is not None:
            figures = f"{low}+"
        elif high is not None:
            figures = f"up to {high}"
        else:
            figures = value or ""
        if value not in (None, low, high) and value != figures:
            figures = f"{value} ({figures})"
        return "~" * self.approximate + figures + (f" {self.unit}" if self.unit else "")

    @classmethod
    def exact(cls, value: float, unit: str | None = None) -> Quantity:
        """Return the quantity whose bounds are its value."""
        return cls(value, value, value, unit=unit)


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a text is worth is not known.

    Args:
        reason: why, for a person who looks at the text: "the range does not rise".
    """

    reason: str
