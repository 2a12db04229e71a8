"""How numbers are rounded to 8 bits so that a matrix product loses least by it.

Weights get one scale a column, inputs one scale a product, measured on texts beforehand. A few
channels of a transformer's activations reach far beyond all others, most of all in the first
token, and would take the whole range for themselves. They are dealt with in two ways:

- After a layer norm all channels are brought nearer to one size, and the weights take the rest
  (SmoothQuant, Xiao et al. 2023). It costs one multiplication a channel.
- Elsewhere the few largest channels are multiplied apart, in fp32 (LLM.int8(), Dettmers et al. 2022).

How much of either, and how much of a range to cut off, is what brings a product nearest to the
exact one on a sample of its inputs.

Weights of a product are kept within 7 bits, from -64 to 64. x86 CPUs without VNNI add two
products of an unsigned and a signed byte into 16 bits and cut off what does not fit (VPMADDUBSW);
255 * 64 * 2 = 32,640 always fits, so a product has the same value on every CPU.

>>> columns, scales = rounded(np.array([[1.0, -2.0], [0.5, 4.0]]), PRODUCT_LIMIT)
>>> columns.tolist(), bool(np.abs(columns * scales - [[1.0, -2.0], [0.5, 4.0]]).max() < 0.03)
([[64, -32], [32, 64]], True)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
PRODUCT_LIMIT = 64  # the largest 8-bit weight of a product
TABLE_LIMIT = 127  # the largest 8-bit weight of a table, whose rows are only read
_STEPS = 255  # between the least and the greatest 8-bit input
_SMOOTHING = (0.0, 0.5, 0.6, 0.7, 0.8)
_APART = 2  # channels; more gain nothing on validation, and picking them out is slow
_KEPT = (1.0, 0.9, 0.8, 0.7)  # of a range, from its ends towards 0


@dataclass(slots=True)
class Observed:
    """What went into a product: `rows` of it, shape (N, K), and each channel's range over all of it."""

    rows: list[Floats] = field(default_factory=list)
    low: Any = 0.0
    high: Any = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """How a product's input is to be quantised.

    error: mean square error as a share of the exact product's mean square.
    divisors: of the channels, shape (K,). apart: channels that are multiplied in fp32.
    scale, zero: an input x becomes round(x / divisor / scale) + zero, from 0 to 255.
    """

    error: float
    divisors: Floats
    apart: npt.NDArray[np.int64]
    scale: float
    zero: int


def rounded(weights: Floats, limit: int) -> tuple[npt.NDArray[np.int8], Floats]:
    """Round weights, shape (K, N), to integers from -limit to limit and a scale a column, shape (N,)."""
    scales = np.maximum(np.abs(weights).max(0), np.finfo(np.float32).tiny * limit) / limit
    return np.rint(weights / scales).astype(np.int8), scales.astype(np.float32)


def choose(seen: Observed, weights: Floats, *, normed: bool) -> Choice:
    """The way with the least error among those open to an input; `normed` is one that a layer norm made."""
    rows, largest = np.concatenate(seen.rows), np.maximum(-seen.low, seen.high)
    exact = rows @ weights
    power = float(np.square(exact).sum()) or 1.0
    choices = []
    for divisors, apart in _ways(largest, weights, normed):
        held = weights * divisors[:, None]
        held[apart] = 0
        columns, scales = rounded(held, PRODUCT_LIMIT)
        others = np.setdiff1d(np.arange(len(largest)), apart)
        low, high = ((edge / divisors)[others] for edge in (seen.low, seen.high))
        for kept in _KEPT:
            scale = max(kept * float(high.max() - low.min()) / _STEPS, 1e-12)
            zero = int(np.clip(np.rint(-kept * low.min() / scale), 0, _STEPS))
            steps = np.clip(np.rint(rows / divisors / scale) + zero, 0, _STEPS) - zero
            found = (steps * scale) @ (columns * scales) + rows[:, apart] @ weights[apart]
            choices.append(Choice(float(np.square(found - exact).sum()) / power, divisors, apart, scale, zero))
    # Channels apart cost time: they must halve the error to be worth it.
    return min(choices, key=lambda choice: choice.error * (2 if len(choice.apart) else 1))


def _ways(largest: Floats, weights: Floats, normed: bool) -> Iterator[tuple[Floats, npt.NDArray[np.int64]]]:
    nothing, ones = np.array([], dtype=np.int64), np.ones(len(largest), dtype=np.float32)
    if not normed:
        yield ones, nothing
        yield ones, np.sort(np.argsort(-largest)[: min(_APART, len(largest) // 2)])
        return
    reach, weight = np.maximum(largest, 1e-6), np.maximum(np.abs(weights).max(1), 1e-6)
    for share in _SMOOTHING:
        divisors = reach**share / weight ** (1 - share) if share else ones
        yield (divisors / np.exp(np.log(divisors).mean())).astype(np.float32), nothing
