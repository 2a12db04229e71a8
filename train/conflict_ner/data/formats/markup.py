r"""The form people write: reports as plain text, each mention marked where it stands.

A file holds many reports; each opens with `=== id`, a small header and a blank line::

    # Lines before the first report may hold comments.

    === sudan-001
    theatre: Sudan
    genre: wire story

    [At least 19](NUMBER) [fighters](ACTOR) died near [El Fasher](LOCATION).

A header value that reads as JSON is that value (`year: 2024`, `tags: ["a"]`), any other
is a string. In the text a backslash gives the next character its plain sense: `\[`, `\]`,
`\\`, and `\=` where a line of the text itself begins with `===`; `\n`, `\r`, `\t`, `\s`
(space) and `\uXXXX` write characters that a diff would not show. So any text can be
written, and `parse(dump(documents))` gives the same documents back.

>>> documents, problems = parse("=== a\n\n[Rebels](ACTOR) left.\n", "demo.md")
>>> documents[0].text, documents[0].mentions, problems
('Rebels left.', (Mention(start=0, end=6, label='ACTOR'),), [])

Characters and header values that would not survive as they are get escaped:

>>> escape_text("a [b]"), quote_value("12"), quote_value("Sudan")
('a \\[b\\]', '"12"', 'Sudan')
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import strict_json
from conflict_ner.errors import DataError, Problem

OPENING = "=== "
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "s": " ", "[": "[", "]": "]", "\\": "\\", "=": "="}
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u2028\u2029\ufeff\ud800-\udfff]")


def escape_text(text: str) -> str:
    """Give brackets and backslashes a backslash, write invisible characters by their number."""
    text = re.sub(r"[\\\[\]]", lambda m: "\\" + m[0], text).replace("\r", "\\r")
    return _INVISIBLE.sub(lambda m: f"\\u{ord(m[0]):04x}", text)


def guard_layout(body: str) -> str:
    """Make visible what layout would swallow: newlines at the ends, spaces at line ends."""
    core = body.strip("\n")
    lead, trail = len(body) - len(body.lstrip("\n")), len(body) - len(body.rstrip("\n"))
    if not core:
        return "\\n" * len(body)
    core = re.sub(r"[ \t](?=\n|\Z)", lambda m: "\\s" if m[0] == " " else "\\t", core)
    core = re.sub(r"^=(?===)", r"\\=", core, flags=re.MULTILINE)
    return "\\n" * lead + core + "\\n" * trail


def split_header(line: str) -> tuple[str, str, str]:
    """A header line's key, its colon (empty if there is none) and the rest."""
    if line.startswith('"'):
        try:
            key, stop = json.JSONDecoder().raw_decode(line)
        except ValueError:
            return line, "", ""
        rest = line[stop:]
        return str(key), rest[:1] if rest.startswith(":") else "", rest[1:]
    key, colon, value = line.partition(":")
    return key.strip(), colon, value


def read_value(source: str) -> Any:
    """What a header's value says: JSON if it is that, else the string itself."""
    try:
        return strict_json.loads(source)
    except ValueError:
        return source


def unquote(name: str) -> str:
    """The inverse of `quote_id`."""
    value = read_value(name) if name.startswith('"') else name
    return value if isinstance(value, str) else name


def _plain(value: str) -> bool:
    return bool(value) and value == value.strip() and not _INVISIBLE.search(value) and "\n" not in value


def quote_id(value: str) -> str:
    """An id as it stands after `===`: itself, or a JSON string."""
    return value if _plain(value) and not value.startswith('"') else json.dumps(value, ensure_ascii=True)


def quote_key(key: str) -> str:
    """A header's key: itself, or a JSON string."""
    return key if _plain(key) and ":" not in key and not key.startswith(('"', OPENING)) else json.dumps(key)


def quote_value(value: Any) -> str:
    """A header's value, which `read_value` gives back: a plain string, or JSON."""
    if isinstance(value, str) and _plain(value) and read_value(value) == value:
        return value
    readable = isinstance(value, str) and not _INVISIBLE.search(value)
    return json.dumps(value, ensure_ascii=not readable, allow_nan=False)


RESERVED_KEYS = frozenset({"id", "text", "entities"})  # the JSONL form's own keys
_LABEL = re.compile(r"\]\(([^()\[\]\s]*)\)")
_LABEL_NAME = re.compile(r"[^()\[\]\s]+")
_BLANK = " \t"  # what layout may consist of; other spaces are text


def parse(source: str, file: str) -> tuple[list[Document], list[Problem]]:
    """Read a whole file's text; what is wrong comes back beside what could be read."""
    lines = source.replace("\r\n", "\n").split("\n")
    heads = [n for n, line in enumerate(lines) if line.startswith(OPENING)]
    problems = [
        Problem(f"{file}:{n + 1}:1", "text before the first report", f"begin the report with '{OPENING}its-id'")
        for n, line in enumerate(lines[: heads[0] if heads else None])
        if line.strip() and not line.startswith("#")
    ][:1]
    if not heads and not problems:
        problems = [Problem(f"{file}:1:1", "no report in this file", f"begin each with '{OPENING}its-id'")]
    documents = []
    for begin, end in zip(heads, [*heads, len(lines)][1:], strict=True):
        document, found = _parse_report(lines, begin, end, file)
        documents.append(document)
        problems += found
    return documents, problems


def dump(documents: Iterable[Document]) -> str:
    """Write documents in this form; `parse` gives them back unchanged.

    Raises:
        DataError: if mentions overlap, lie outside their text, or have a label that cannot be written.
    """
    written = list(documents)
    problems = [problem for document in written for problem in _unwritable(document)]
    if problems:
        raise DataError(problems)
    return "\n".join(_dump_report(document) for document in written)


def _parse_report(lines: list[str], begin: int, end: int, file: str) -> tuple[Document, list[Problem]]:
    problems: list[Problem] = []
    name = lines[begin][len(OPENING) :].strip()
    if not name:
        problems.append(Problem(f"{file}:{begin + 1}:5", "a report with no id", "write '=== some-id'"))
    metadata, body_at = _parse_header(lines, begin + 1, end, file, problems)
    # Blank lines around a text are layout; a text that really begins or ends with one says \n.
    while body_at < end and not lines[body_at].strip(_BLANK):
        body_at += 1
    while end > body_at and not lines[end - 1].strip(_BLANK):
        end -= 1
    body = _Body("\n".join(lines[body_at:end]), body_at, file)
    body.read()
    document = Document(
        id=unquote(name),
        text="".join(body.out),
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
        where = f"{file}:{at + 1}:1"
        if not colon:
            what, fix = f"not a header line: {lines[at][:40]!r}", "write 'key: value', or a blank line first"
            problems.append(Problem(where, what, fix, kind="not a header line"))
        elif key in RESERVED_KEYS:
            problems.append(Problem(where, f"the key {key!r} is reserved", "use another name"))
        elif key in metadata:
            problems.append(Problem(where, f"duplicate key {key!r}", "keep one"))
        else:
            metadata[key] = read_value(value.strip())
        at += 1
    return metadata, at


class _Body:
    """Reads one report's text character by character, keeping source positions."""

    def __init__(self, source: str, first_line: int, file: str) -> None:
        self.source, self.first_line, self.file = source, first_line, file
        self.out: list[str] = []  # pieces of one character, so len(out) is the text offset
        self.mentions: list[tuple[Mention, str, int]] = []  # with place and source offset
        self.faults: list[tuple[int, Problem]] = []
        self._breaks = [i for i, char in enumerate(source) if char == "\n"]

    def place(self, at: int) -> str:
        row = bisect_right(self._breaks, at - 1)
        column = at - (self._breaks[row - 1] if row else -1)
        return f"{self.file}:{self.first_line + row + 1}:{column}"

    @property
    def problems(self) -> list[Problem]:
        return [problem for _, problem in sorted(self.faults, key=lambda fault: fault[0])]

    def fault(self, at: int, what: str, fix: str) -> None:
        self.faults.append((at, Problem(self.place(at), what, fix)))

    def read(self) -> None:
        at = 0
        opened: list[tuple[int, int]] = []  # (source offset, text offset) of each mention being read
        while at < len(self.source):
            char = self.source[at]
            if char == "\\":
                at += self._escape(at)
            elif self.source.startswith("===", at) and (at == 0 or self.source[at - 1] == "\n"):
                self.fault(at, "a line that begins with '==='", r"write '=== id' for a report, \=== for text")
                self.out += "==="
                at += 3
            elif char == "[":
                opened.append((at, len(self.out)))
                at += 1
            elif char == "]":
                at += self._close(at, opened)
            else:
                self.out.append(char)
                at += 1
        for begin, _ in opened:
            self.fault(begin, "'[' is never closed", r"write ](LABEL) after the mention, or \[ for a bracket")

    def _escape(self, at: int) -> int:
        code = self.source[at + 1 : at + 2]
        if code == "u" and re.fullmatch(r"[0-9a-fA-F]{4}", self.source[at + 2 : at + 6]):
            self.out.append(chr(int(self.source[at + 2 : at + 6], 16)))
            return 6
        if code in ESCAPES and code:
            self.out.append(ESCAPES[code])
            return 2
        self.fault(at, f"unknown escape {self.source[at : at + 2]!r}", r"write \\ for a backslash")
        self.out.append("\\")
        return 1

    def _close(self, at: int, opened: list[tuple[int, int]]) -> int:
        if not opened:
            self.fault(at, "']' closes nothing", r"write [ before the mention, or \] for a bracket")
            return 1
        begin, start = opened.pop()
        label = _LABEL.match(self.source, at)
        if label is None or not label[1]:
            self.fault(at, "a mention without its label", r"write [mention](LABEL), or \[ and \] for brackets")
            return 1
        # Only now is it known that those opened since are inside a mention, and not after a forgotten ](LABEL).
        while self.mentions and self.mentions[-1][2] > begin:
            _, _, inner = self.mentions.pop()
            self.fault(inner, "a mention inside a mention", r"labels do not nest: keep the outer one, or write \[")
        self.mentions.append((Mention(start, len(self.out), label[1]), self.place(begin), begin))
        return len(label[0])


def _unwritable(document: Document) -> Iterator[Problem]:
    at = 0
    for index, mention in enumerate(document.mentions):
        if not at <= mention.start < mention.end <= len(document.text) or not _LABEL_NAME.fullmatch(mention.label):
            what = f"the mention {mention.start}:{mention.end} ({mention.label}) cannot be marked in the text"
            fix = "mentions follow each other inside the text, labels have no space"
            yield Problem(document.place(index), what, fix, kind="cannot be marked")
        at = max(at, mention.end)


def _dump_report(document: Document) -> str:
    head = [OPENING + quote_id(document.id)]
    head += [f"{quote_key(key)}: {quote_value(value)}" for key, value in document.metadata.items()]
    edges = sorted(
        [(m.start, 1, "[") for m in document.mentions] + [(m.end, 0, f"]({m.label})") for m in document.mentions]
    )
    pieces, at = [], 0
    for offset, _, mark in edges:
        pieces += [escape_text(document.text[at:offset]), mark]
        at = offset
    pieces.append(escape_text(document.text[at:]))
    return "\n".join([*head, "", guard_layout("".join(pieces)), ""])
