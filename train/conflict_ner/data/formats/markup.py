r"""Parser and writer of the markup format: reports as plain text with each mention marked in the text.

People write this format by hand. A file holds many reports; each begins with `=== id`, a small header
and a blank line::

    # Lines before the first report may hold comments.

    === sudan-001
    theatre: Sudan
    genre: wire story

    [At least 19](NUMBER) [fighters](ACTOR) died near [El Fasher](LOCATION).

A header value that is JSON has that value (`year: 2024`, `tags: ["a"]`), any other is a
string. In the text a backslash escapes the next character: `\[`, `\]`, `\\`, and `\=` if a
line of the text itself begins with `===`; `\n`, `\r`, `\t`, `\s` (space) and `\uXXXX` write
characters that a diff would not show. So any text can be written, and
`parse(dump(documents))` returns the same documents.

>>> documents, problems = parse("=== a\n\n[Rebels](ACTOR) left.\n", "demo.md")
>>> documents[0].text, documents[0].mentions, problems
('Rebels left.', (Mention(start=0, end=6, label='ACTOR'),), [])

Characters and header values that would be read differently are escaped:

>>> escape_text("a [b]"), quote_value("12"), quote_value("Sudan")
('a \\[b\\]', '"12"', 'Sudan')
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats.format import EVERYTHING, Feature, Format, Sample, reader_of_text
from conflict_ner.data.text_files import strict_json
from conflict_ner.errors import DataError, Problem

REPORT_START = "=== "
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "s": " ", "[": "[", "]": "]", "\\": "\\", "=": "="}
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u2028\u2029\ufeff\ud800-\udfff]")


def escape_text(text: str) -> str:
    """Escape brackets and backslashes with a backslash, and invisible characters by their code point."""
    text = re.sub(r"[\\\[\]]", lambda match: "\\" + match[0], text).replace("\r", "\\r")
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def guard_layout(body: str) -> str:
    """Escape characters that the parser would take for layout: newlines at both ends, spaces at line ends, `===`."""
    core = body.strip("\n")
    leading, trailing = len(body) - len(body.lstrip("\n")), len(body) - len(body.rstrip("\n"))
    if not core:
        return "\\n" * len(body)
    core = re.sub(r"[ \t](?=\n|\Z)", lambda match: "\\s" if match[0] == " " else "\\t", core)
    core = re.sub(r"^=(?===)", r"\\=", core, flags=re.MULTILINE)
    return "\\n" * leading + core + "\\n" * trailing


def split_header(line: str) -> tuple[str, str, str]:
    """Split a header line into its key, its colon ("" if there is none) and the rest."""
    if line.startswith('"'):
        try:
            key, end = json.JSONDecoder().raw_decode(line)
        except ValueError:
            return line, "", ""
        rest = line[end:]
        return str(key), rest[:1] if rest.startswith(":") else "", rest[1:]
    key, colon, value = line.partition(":")
    return key.strip(), colon, value


def read_value(source: str) -> Any:
    """Return the value of a header's text: parsed if it is JSON, otherwise the string itself."""
    try:
        return strict_json.loads(source)
    except ValueError:
        return source


def unquote(name: str) -> str:
    """Return the id that `quote_id` wrote."""
    value = read_value(name) if name.startswith('"') else name
    return value if isinstance(value, str) else name


def _is_plain(value: str) -> bool:
    return bool(value) and value == value.strip() and not _INVISIBLE.search(value) and "\n" not in value


def quote_id(value: str) -> str:
    """Return an id as it is written after `===`: unchanged, or as a JSON string."""
    return value if _is_plain(value) and not value.startswith('"') else json.dumps(value, ensure_ascii=True)


def quote_key(key: str) -> str:
    """Return a header's key as it is written: unchanged, or as a JSON string."""
    return key if _is_plain(key) and ":" not in key and not key.startswith(('"', REPORT_START)) else json.dumps(key)


def quote_value(value: Any) -> str:
    """Return a header's value as it is written, for `read_value`: a plain string, or JSON."""
    if isinstance(value, str) and _is_plain(value) and read_value(value) == value:
        return value
    is_visible = isinstance(value, str) and not _INVISIBLE.search(value)
    return json.dumps(value, ensure_ascii=not is_visible, allow_nan=False)


RESERVED_KEYS = frozenset({"id", "text", "entities"})  # keys of the JSONL format
_LABEL = re.compile(r"\]\(([^()\[\]\s]*)\)")
_LABEL_NAME = re.compile(r"[^()\[\]\s]+")
_BLANK = " \t"  # characters of a blank line; other spaces are text


def parse(source: str, file: str) -> tuple[list[Document], list[Problem]]:
    """Parse a file's text; return the documents that could be read and all problems."""
    lines = source.replace("\r\n", "\n").split("\n")
    starts = [n for n, line in enumerate(lines) if line.startswith(REPORT_START)]
    problems = [
        Problem(f"{file}:{n + 1}:1", "text before the first report", f"begin the report with '{REPORT_START}its-id'")
        for n, line in enumerate(lines[: starts[0] if starts else None])
        if line.strip() and not line.startswith("#")
    ][:1]
    if not starts and not problems:
        problems = [Problem(f"{file}:1:1", "no report in this file", f"begin each with '{REPORT_START}its-id'")]
    documents = []
    for begin, end in zip(starts, [*starts, len(lines)][1:], strict=True):
        document, report_problems = _parse_report(lines, begin, end, file)
        documents.append(document)
        problems += report_problems
    return documents, problems


def comments(source: str) -> list[str]:
    """Return the comment lines above a file's first report."""
    lines = source.replace("\r\n", "\n").split("\n")
    above = takewhile(lambda line: not line.startswith(REPORT_START), lines)
    return [line for line in above if line.startswith("#")]


def dump(documents: Iterable[Document]) -> str:
    """Return documents in this format; `parse` returns them unchanged.

    Raises:
        DataError: if mentions overlap, lie outside their text, or have a label that cannot be written.
    """
    return "".join(_dump(documents))


def write(documents: Iterable[Document], file: Path) -> None:
    """Write documents to a file, one after the other; raises as `dump`."""
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(_dump(documents))


def _dump(documents: Iterable[Document]) -> Iterator[str]:
    problems: list[Problem] = []
    for number, document in enumerate(documents):
        problems += _unwritable_mentions(document)
        if not problems:
            yield ("\n" if number else "") + _dump_report(document)
    if problems:
        raise DataError(problems)


def _parse_report(lines: list[str], begin: int, end: int, file: str) -> tuple[Document, list[Problem]]:
    problems: list[Problem] = []
    quoted_id = lines[begin][len(REPORT_START) :].strip()
    if not quoted_id:
        problems.append(Problem(f"{file}:{begin + 1}:5", "a report without an id", "write '=== some-id'"))
    metadata, body_begin = _parse_header(lines, begin + 1, end, file, problems)
    # Blank lines around a text are layout; a text that really begins or ends with one has an escape \n.
    while body_begin < end and not lines[body_begin].strip(_BLANK):
        body_begin += 1
    while end > body_begin and not lines[end - 1].strip(_BLANK):
        end -= 1
    body = _BodyParser("\n".join(lines[body_begin:end]), body_begin, file)
    body.parse()
    document = Document(
        id=unquote(quoted_id),
        text="".join(body.characters),
        mentions=tuple(mention for mention, _, _ in body.mentions),
        metadata=metadata,
        origin=f"{file}:{begin + 1}",
        places=tuple(place for _, place, _ in body.mentions),
        is_valid=not problems + body.problems,
    )
    return document, problems + body.problems


def _parse_header(
    lines: list[str], at: int, end: int, file: str, problems: list[Problem]
) -> tuple[dict[str, Any], int]:
    metadata: dict[str, Any] = {}
    while at < end and lines[at].strip(_BLANK):
        key, colon, value = split_header(lines[at])
        position = f"{file}:{at + 1}:1"
        if not colon:
            what, fix = f"not a header line: {lines[at][:40]!r}", "write 'key: value', or a blank line first"
            problems.append(Problem(position, what, fix, kind="not a header line"))
        elif key in RESERVED_KEYS:
            problems.append(Problem(position, f"the key {key!r} is reserved", "use another name"))
        elif key in metadata:
            problems.append(Problem(position, f"duplicate key {key!r}", "keep one"))
        else:
            metadata[key] = read_value(value.strip())
        at += 1
    return metadata, at


class _BodyParser:
    """Parser of one report's text, character by character, with source positions for problems."""

    def __init__(self, source: str, first_line: int, file: str) -> None:
        self.source, self.first_line, self.file = source, first_line, file
        self.characters: list[str] = []  # of the text, so their number is the text offset
        self.mentions: list[tuple[Mention, str, int]] = []  # with position in the file and source offset
        self.faults: list[tuple[int, Problem]] = []
        self._newlines = [i for i, char in enumerate(source) if char == "\n"]

    def position(self, at: int) -> str:
        """Return the position in the file of a source offset."""
        row = bisect_right(self._newlines, at - 1)
        column = at - (self._newlines[row - 1] if row else -1)
        return f"{self.file}:{self.first_line + row + 1}:{column}"

    @property
    def problems(self) -> list[Problem]:
        return [problem for _, problem in sorted(self.faults, key=lambda fault: fault[0])]

    def report(self, at: int, fault: str, fix: str) -> None:
        self.faults.append((at, Problem(self.position(at), fault, fix)))

    def parse(self) -> None:
        at = 0
        opened: list[tuple[int, int]] = []  # (source offset, text offset) of each mention that is not closed yet
        while at < len(self.source):
            char = self.source[at]
            if char == "\\":
                at += self._parse_escape(at)
            elif self.source.startswith("===", at) and (at == 0 or self.source[at - 1] == "\n"):
                self.report(at, "a line that begins with '==='", r"write '=== id' for a report, \=== for text")
                self.characters += "==="
                at += 3
            elif char == "[":
                opened.append((at, len(self.characters)))
                at += 1
            elif char == "]":
                at += self._close_mention(at, opened)
            else:
                self.characters.append(char)
                at += 1
        for begin, _ in opened:
            self.report(begin, "'[' is never closed", r"write ](LABEL) after the mention, or \[ for a bracket")

    def _parse_escape(self, at: int) -> int:
        """Parse the escape at a source offset; return its length."""
        code = self.source[at + 1 : at + 2]
        if code == "u" and re.fullmatch(r"[0-9a-fA-F]{4}", self.source[at + 2 : at + 6]):
            self.characters.append(chr(int(self.source[at + 2 : at + 6], 16)))
            return 6
        if code in ESCAPES and code:
            self.characters.append(ESCAPES[code])
            return 2
        self.report(at, f"unknown escape {self.source[at : at + 2]!r}", r"write \\ for a backslash")
        self.characters.append("\\")
        return 1

    def _close_mention(self, at: int, opened: list[tuple[int, int]]) -> int:
        """Parse the `](LABEL)` at a source offset; return its length."""
        if not opened:
            self.report(at, "']' closes nothing", r"write [ before the mention, or \] for a bracket")
            return 1
        begin, start = opened.pop()
        label = _LABEL.match(self.source, at)
        if label is None or not label[1]:
            self.report(at, "a mention without its label", r"write [mention](LABEL), or \[ and \] for brackets")
            return 1
        # Only now is it known that the mentions since `begin` are inside this one, not after a forgotten ](LABEL).
        while self.mentions and self.mentions[-1][2] > begin:
            _, _, inner = self.mentions.pop()
            self.report(inner, "a mention inside a mention", r"labels do not nest: keep the outer one, or write \[")
        self.mentions.append((Mention(start, len(self.characters), label[1]), self.position(begin), begin))
        return len(label[0])


def _unwritable_mentions(document: Document) -> Iterator[Problem]:
    """Return a problem for each mention that the format cannot express."""
    at = 0
    for index, mention in enumerate(document.mentions):
        if not at <= mention.start < mention.end <= len(document.text) or not _LABEL_NAME.fullmatch(mention.label):
            what = f"the mention {mention.start}:{mention.end} ({mention.label}) cannot be marked in the text"
            fix = "mentions must lie in the text without overlap, and labels have no space or bracket"
            yield Problem(document.place(index), what, fix, kind="cannot be marked")
        at = max(at, mention.end)


def _dump_report(document: Document) -> str:
    header = [REPORT_START + quote_id(document.id)]
    header += [f"{quote_key(key)}: {quote_value(value)}" for key, value in document.metadata.items()]
    edges = sorted(
        [(m.start, 1, "[") for m in document.mentions] + [(m.end, 0, f"]({m.label})") for m in document.mentions]
    )
    pieces, at = [], 0
    for offset, _, mark in edges:
        pieces += [escape_text(document.text[at:offset]), mark]
        at = offset
    pieces.append(escape_text(document.text[at:]))
    return "\n".join([*header, "", guard_layout("".join(pieces)), ""])


def _detect(sample: Sample) -> str | None:
    starts = any(line.startswith(REPORT_START) for line in sample.lines)
    return "reports that begin with `=== id`" if starts else None


FORMAT = Format(
    name="markup",
    title="markup",
    suffixes=(".md",),
    default_for=(".md",),
    detect=_detect,
    read=reader_of_text(lambda source, file, _: parse(source, file)),
    write=write,
    carries=EVERYTHING - {Feature.NESTED},
)
