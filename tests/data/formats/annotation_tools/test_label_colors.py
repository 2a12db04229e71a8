"""Colors of labels are distinct, and white text on them can be read."""

from __future__ import annotations

from itertools import combinations

import pytest
from conflict_ner.data.formats.annotation_tools.label_colors import color_labels, contrast_with_white


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast_with_white("#ffffff") == pytest.approx(1)
    assert contrast_with_white("#000000") == pytest.approx(21)
    assert contrast_with_white("#767676") == pytest.approx(4.54, abs=0.01)


def test_colors_are_distinct_and_dark_enough() -> None:
    labels = [f"L{number}" for number in range(24)]
    colors = list(color_labels([*labels, "L0"]).values())
    assert len(colors) == len(labels)
    assert min(map(contrast_with_white, colors)) >= 4.5
    channels = [[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in colors]
    assert min(sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) for pair in combinations(channels, 2)) > 24**2
