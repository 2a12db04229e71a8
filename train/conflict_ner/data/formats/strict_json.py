"""JSON as its standard has it: no NaN, no infinity, no key twice, no bottomless nesting.

>>> loads('{"year": 2024}')
{'year': 2024}
>>> loads('{"a": 1, "a": 2}')
Traceback (most recent call last):
ValueError: the key 'a' stands twice in one object
"""

from __future__ import annotations

import json
import math
from typing import Any

from conflict_ner.errors import excerpt


def loads(source: str) -> Any:
    """Parse JSON.

    Raises:
        json.JSONDecodeError: with line and column, if it is not JSON.
        ValueError: if it is, but holds what could not be written back or would be lost.
    """
    try:
        return json.loads(source, object_pairs_hook=_no_key_twice, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = excerpt(next(key for key in keys if keys.count(key) > 1))
        raise ValueError(f"the key {twice} stands twice in one object")
    return record


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"the number {digits[:40]} is too large")
    return value
