"""A JSON parser that accepts only standard JSON: no NaN, no infinity, no duplicate keys, no very deep nesting.

>>> loads('{"year": 2024}')
{'year': 2024}
>>> loads('{"a": 1, "a": 2}')
Traceback (most recent call last):
ValueError: duplicate key 'a' in one object
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
        ValueError: if it is JSON, but has a duplicate key or a number that is too large, or is nested too deeply.
    """
    try:
        return json.loads(
            source, object_pairs_hook=unique_keys, parse_constant=_refuse_constant, parse_float=_finite_float
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        if "set_int_max_str_digits" in str(error):  # Python's own advice, which is for its programmers
            raise ValueError("a number has too many digits") from None
        raise


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object from its keys and values, for a decoder's `object_pairs_hook`.

    Raises:
        ValueError: if a key is there twice.
    """
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        duplicate = excerpt(next(key for key in keys if keys.count(key) > 1))
        raise ValueError(f"duplicate key {duplicate} in one object")
    return record


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite_float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"the number {digits[:40]} is too large")
    return value
