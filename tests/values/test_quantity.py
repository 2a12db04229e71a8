"""A quantity keeps its figures in order and cannot be changed."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import pytest
from conflict_ner.values import Quantity


@pytest.mark.parametrize("figures", [(3, 4, 5), (3, 1, 2), (None, 5, 4), (3, 4, None), (3, None, 2)])
def test_figures_out_of_order_are_refused(figures: tuple[float | None, float | None, float | None]) -> None:
    with pytest.raises(ValueError, match="low <= value <= high"):
        Quantity(*figures)


@pytest.mark.parametrize("figures", [(None, None, None), (math.nan, None, None), (1, None, math.inf)])
def test_a_quantity_has_a_figure_and_it_is_finite(figures: tuple[float | None, float | None, float | None]) -> None:
    with pytest.raises(ValueError, match="finite"):
        Quantity(*figures)


def test_a_quantity_is_immutable_and_compares_by_its_figures() -> None:
    quantity = Quantity.exact(19)
    assert quantity == Quantity(19, 19, 19)
    assert len({quantity, Quantity(19, 19, 19), Quantity(19, low=19)}) == 2
    with pytest.raises(FrozenInstanceError):
        quantity.value = 20  # type: ignore[misc]
