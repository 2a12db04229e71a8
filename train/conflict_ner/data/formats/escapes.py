r"""How the marked-up form writes characters and header values that would not survive as they are.

>>> escape_text("a [b]"), quote_value("12"), quote_value("Sudan")
('a \\[b\\]', '"12"', 'Sudan')
"""

from __future__ import annotations

import json
import re
from typing import Any

from conflict_ner.data.formats import strict_json

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
