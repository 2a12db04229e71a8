"""The JSON values of a file: one in each line, those of its array, or those of an array inside its object.

>>> from tempfile import TemporaryDirectory
>>> file = Path(TemporaryDirectory().name).with_suffix(".json")
>>> _ = file.write_text('{"version": 1, "data": [{"tokens": ["Rebels"]}]}')
>>> list(read_values(file))  # doctest: +ELLIPSIS
[Record(value={'tokens': ['Rebels']}, number=1, where='....json, record 1')]
>>> file.unlink()
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conflict_ner.data.formats.annotation_tools.json_records import Record, read_records
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.errors import Problem

_LISTS = ("data", "rows", "examples", "annotations")  # keys under which an object has its values
_OF_VALUES = {"text", "tokens", "words", "paragraphs"}  # keys of an object that is itself a value


def read_values(file: Path) -> Iterator[Record | Problem]:
    """Yield the values of a JSON file as they come, and a problem wherever it is not JSON."""
    text: Record | None = None
    for item in read_records(file):
        if isinstance(item, Problem):
            yield item
        elif isinstance(item.value, str):
            text = item
        elif text and isinstance(item.value, dict):  # a text and its entities as the whole file: an array of two
            yield replace(text, value=[text.value, item.value])
        else:
            yield from _values_in(item, printable(file))


def _values_in(record: Record, name: str) -> Iterator[Record]:
    values = unwrap([record.value])
    if values and values[0] is record.value:
        yield record
    else:
        yield from (Record(each, number, f"{name}, record {number}") for number, each in enumerate(values, start=1))


def unwrap(values: Sequence[Any]) -> Sequence[Any]:
    """Return the values of the array inside an object that is the only value of a file; any other values unchanged."""
    if len(values) != 1 or not isinstance(values[0], dict) or values[0].keys() & _OF_VALUES:
        return values
    return next((values[0][key] for key in _LISTS if isinstance(values[0].get(key), list)), values)
