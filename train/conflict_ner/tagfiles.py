"""Tags files: `.txt` (one report a file), `.jsonl` (one a line, under `text`), folders, standard input.

What cannot be read is counted and said, with its file and line; the rest goes on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import tee
from pathlib import Path
from typing import IO, Any, Literal

from conflict_ner import strictjson
from conflict_ner.document import Entity, is_text
from conflict_ner.errors import Problem
from conflict_ner.tagger import Tagger

Form = Literal["txt", "jsonl"]
STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class Source:
    """A text to tag; `id` and `metadata` are passed through to the result as they are."""

    id: Any
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tagged:
    """A text and what was found in it."""

    source: Source
    entities: Sequence[Entity]

    def to_record(self) -> dict[str, Any]:
        """The row of JSONL output: id, metadata, text and entities."""
        entities = [
            {"label": e.label, "text": e.text, "start": e.start, "end": e.end, "score": round(e.score, 4)}
            for e in self.entities
        ]
        return {"id": self.source.id, **self.source.metadata, "text": self.source.text, "entities": entities}


def tag_files(
    tagger: Tagger, paths: Iterable[Path], complain: Callable[[Problem], None], stdin_form: Form = "txt"
) -> Iterator[Tagged]:
    """Tag all texts of files, folders and standard input (`-`), in order, as they are read.

    Args:
        complain: called with each thing that cannot be read; reading goes on after it.
        stdin_form: what standard input holds; nothing is guessed from its content.
    """
    ours, theirs = tee(read_sources(paths, complain, stdin_form))
    yield from map(Tagged, ours, tagger.stream(source.text for source in theirs))


def read_sources(paths: Iterable[Path], complain: Callable[[Problem], None], stdin_form: Form) -> Iterator[Source]:
    """The texts of files, folders and standard input."""
    for path in paths:
        if path == STDIN:
            yield from _read(sys.stdin.buffer, "standard input", stdin_form, complain)
            continue
        for file in _files(path, complain):
            try:
                with file.open("rb") as stream:
                    form: Form = "jsonl" if file.suffix.lower() == ".jsonl" else "txt"
                    yield from _read(stream, str(file), form, complain)
            except OSError as error:
                complain(Problem(str(file), f"cannot be read: {error.strerror}", "check path and permissions"))


def _files(path: Path, complain: Callable[[Problem], None]) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in (".txt", ".jsonl") and file.is_file())
        if not files:
            complain(Problem(str(path), "no .txt or .jsonl file in this folder", "name another folder"))
        return files
    if path.exists() and path.suffix.lower() not in (".txt", ".jsonl"):
        complain(Problem(str(path), f"{path.suffix or 'a file without ending'} is not tagged", "use .txt or .jsonl"))
        return []
    return [path]


def _read(stream: IO[bytes], name: str, form: Form, complain: Callable[[Problem], None]) -> Iterator[Source]:
    if form == "txt":
        raw = stream.read()
        try:
            # Decoded as it is, a byte-order mark and CRLF too: offsets are those of the file's text.
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            row = raw.count(b"\n", 0, error.start) + 1
            complain(Problem(f"{name}:{row}", f"not UTF-8 (byte 0x{raw[error.start]:02x})", "convert it with iconv"))
            return
        yield Source(name, text)
        return
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        source = _parse_line(line, f"{name}:{number}", complain)
        if source:
            yield source


def _parse_line(line: bytes, where: str, complain: Callable[[Problem], None]) -> Source | None:
    try:
        record = strictjson.loads(line.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError:
        complain(Problem(where, "not UTF-8", "convert the file with iconv"))
        return None
    except ValueError as error:
        complain(Problem(where, f"not JSON: {error}", "write one object a line"))
        return None
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        complain(Problem(where, "no string under 'text'", 'write {"id": ..., "text": ...}'))
        return None
    if not is_text(json.dumps(record, ensure_ascii=False)):
        complain(Problem(where, "half of a surrogate pair in the line", "write the character whole"))
        return None
    metadata = {key: value for key, value in record.items() if key not in ("id", "text", "entities")}
    name = record.get("id")
    return Source(where if name is None else name, record["text"], metadata)
