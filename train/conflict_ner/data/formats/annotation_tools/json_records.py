"""Reading and writing of JSON records one after the other: those of an array, of lines, or one object.

Exports of annotation tools may be hundreds of megabytes in a single line, so memory grows only with the largest record.

>>> from tempfile import TemporaryDirectory
>>> file = Path(TemporaryDirectory().name).with_suffix(".json")
>>> write_array([{"id": 1}, {"id": 2}], file)
>>> [record.value for record in read_records(file)]
[{'id': 1}, {'id': 2}]
>>> file.unlink()
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conflict_ner.data.document import SURROGATE
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.data.text_files.reading import read_chunks
from conflict_ner.data.text_files.strict_json import unique_keys
from conflict_ner.errors import Problem

_BLANK = " \t\r\n"
_CUT_OFF = 20  # characters before the end of what is there, in which a fault may only mean that more is to come
_WORDS = ("true", "false", "null")
_DAMAGED = "correct it there, or export the file again"


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON value of a file, its number from 1, and its place: `a.jsonl:12`, or `a.json, record 12`."""

    value: Any
    number: int
    where: str


def read_records(file: Path) -> Iterator[Record | Problem]:
    """Yield the records of a JSON file, and a problem wherever it is not JSON.

    NaN and infinity, which Python programs write although JSON does not have them, are read as null. Of a file of
    lines each line is read; any other file ends with its first problem.
    """
    text, name = _Text(read_chunks(file)), printable(file)
    first = text.skip_blanks()
    if first == "[":
        text.at += 1
        items = _read_array(text, name)
    elif text.is_in_lines():
        items = _read_lines(text, name)
    else:
        items = _read_values(text, name)
    yield from items
    if text.problem:
        yield text.problem


def write_array(values: Iterable[Any], file: Path) -> None:
    """Write values as a JSON array, one per line, as they come.

    Raises:
        ValueError: if there is NaN or infinity in them.
    """
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write("[")
        for number, value in enumerate(values):
            stream.write(",\n" if number else "\n")
            stream.write(_dump(value))
        stream.write("\n]\n")


def write_lines(values: Iterable[Any], file: Path) -> None:
    """Write values as JSON, one per line, as they come; raises as `write_array`."""
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(_dump(value) + "\n" for value in values)


def _dump(value: Any) -> str:
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def _finite_float(digits: str) -> float | None:
    value = float(digits)
    return None if math.isinf(value) else value


_DECODER = json.JSONDecoder(object_pairs_hook=unique_keys, parse_constant=lambda _: None, parse_float=_finite_float)


class _Text:
    """The text of a file, of which only the part that is being read is held.

    at: where reading is in `held`. problem: why the file cannot be read on, once that is known.
    """

    def __init__(self, chunks: Iterator[str | Problem]) -> None:
        self._chunks = chunks
        self.held, self.at = "", 0
        self._known, self._line, self._column = 0, 1, 1  # an offset in `held`, and its line and column
        self.problem: Problem | None = None

    def read_on(self) -> bool:
        """Hold more text, without what was read; return whether there was more."""
        chunk = next(self._chunks, "")
        if isinstance(chunk, Problem):
            self.problem = chunk
            chunk = ""
        if chunk:
            self.place(self.at)
            self.held, self.at, self._known = self.held[self.at :] + chunk, 0, 0
        return bool(chunk)

    def place(self, at: int) -> tuple[int, int]:
        """Return the line and column of an offset in `held`, which is not before one that was asked for."""
        newlines = self.held.count("\n", self._known, at)
        self._column = at - self.held.rfind("\n", self._known, at) if newlines else self._column + at - self._known
        self._line, self._known = self._line + newlines, at
        return self._line, self._column

    def skip_blanks(self) -> str:
        """Go to the next character that is not blank, and return it; empty at the end of the file."""
        while True:
            while self.at < len(self.held) and self.held[self.at] in _BLANK:
                self.at += 1
            if self.at < len(self.held) or not self.read_on():
                return self.held[self.at : self.at + 1]

    def line(self) -> str:
        """Return the rest of the line without reading it: `at` stays."""
        while True:
            end = self.held.find("\n", self.at)
            if end >= 0 or not self.read_on():
                return self.held[self.at : end if end >= 0 else None]

    def is_in_lines(self) -> bool:
        """Return whether the file has a JSON value in each line, as its first line shows."""
        line = self.line()
        return line.rstrip().endswith(("}", "]")) or self.at + len(line) == len(self.held)

    def decode(self) -> Any:
        """Return the JSON value at `at` and go behind it.

        Raises:
            ValueError: if there is none, as `JSONDecoder.raw_decode`.
        """
        while True:
            try:
                value, self.at = _DECODER.raw_decode(self.held, self.at)
            except json.JSONDecodeError as error:
                if not self._may_be_cut_off(error) or not self._double():
                    raise
            except RecursionError:
                raise ValueError("nested too deeply") from None
            else:
                if self.at < len(self.held) or isinstance(value, dict | list | str):
                    return value
                if not self.read_on():  # a number may go on
                    return value

    def _may_be_cut_off(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self.held) - _CUT_OFF

    def _double(self) -> bool:
        """Hold twice as much, so that a long record is not parsed again for each piece of it."""
        goal, has_more = 2 * (len(self.held) - self.at), False
        while len(self.held) - self.at < goal and self.read_on():
            has_more = True
        return has_more

    def fault(self, error: ValueError, name: str, number: int) -> Problem | None:
        """Return the problem of the record that cannot be decoded; None if the whole file's problem is known."""
        if self.problem:
            return None
        if not isinstance(error, json.JSONDecodeError):
            return Problem(f"{name}, record {number}", str(error), _DAMAGED)
        line, column = self.place(error.pos)
        rest = self.held[error.pos :].strip()
        if not rest or error.msg.startswith("Unterminated") or any(word.startswith(rest) for word in _WORDS):
            what = f"the file is cut off in record {number:,}"
            return Problem(f"{name}:{line}:{column}", what, "export it again, or copy it completely", unreadable=True)
        return Problem(f"{name}:{line}:{column}", f"not JSON: {error.msg} (record {number:,})", _DAMAGED)


def _read_array(text: _Text, name: str) -> Iterator[Record | Problem]:
    number = 0
    char = text.skip_blanks()
    while char != "]":
        number += 1
        try:
            value = text.decode()
        except ValueError as error:
            yield from filter(None, [text.fault(error, name, number)])
            return
        yield Record(value, number, f"{name}, record {number}")
        char = text.skip_blanks()
        if char == ",":
            text.at += 1
            char = text.skip_blanks()
        elif char != "]":
            missing = json.JSONDecodeError("Expecting ',' delimiter", text.held, text.at)
            yield from filter(None, [text.fault(missing, name, number)])
            return
    text.at += 1
    if text.skip_blanks():
        line, column = text.place(text.at)
        yield Problem(f"{name}:{line}:{column}", "text after the end of the JSON array", "remove it")


def _read_values(text: _Text, name: str) -> Iterator[Record | Problem]:
    """Yield the values of a file in which they stand one after the other, over as many lines as they need."""
    number = 0
    while text.skip_blanks():
        number += 1
        try:
            value = text.decode()
        except ValueError as error:
            yield from filter(None, [text.fault(error, name, number)])
            return
        yield Record(value, number, f"{name}, record {number}")


def _read_lines(text: _Text, name: str) -> Iterator[Record | Problem]:
    number = 0
    while text.skip_blanks():
        line_number, column = text.place(text.at)
        line = text.line()
        where = f"{name}:{line_number}"
        text.at += len(line)
        number += 1
        try:
            yield Record(_DECODER.decode(line), number, where)
        except json.JSONDecodeError as error:
            fault = f"not JSON: {error.msg}"
            yield Problem(f"{where}:{column + error.pos}", fault, "correct the line, or export again", kind="not JSON")
        except RecursionError:
            yield Problem(where, "nested too deeply", _DAMAGED)
        except ValueError as error:
            yield Problem(where, str(error), "use each key once")
