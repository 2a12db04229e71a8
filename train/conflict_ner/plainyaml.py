r"""Reads YAML by the core rules of YAML 1.2, in which a word is a word, and remembers what stood where.

YAML 1.1, which PyYAML reads by itself, takes `NO` for false, `010` for 8, `20:30` for 1230 and `2024-05-03`
for a date. Here digits are decimal numbers, only true and false are truth values, and all else is text.

>>> tree, written = read("epochs: 010\nat: 20:30\nlabels: [NO]\nrate: 1e-5", "run.yaml")
>>> tree
{'epochs': 10, 'at': '20:30', 'labels': ['NO'], 'rate': 1e-05}
>>> written["labels", 0].where, written["labels", 0].raw, written["labels", 0].ambiguous
('run.yaml:3:10', 'NO', True)
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Key = tuple[str | int, ...]

_INT, _FLOAT, _BOOL, _NULL, _STR = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null", "str"))


@dataclass(frozen=True, slots=True)
class Written:
    """How a value is written: where, and for one without quotes or brackets its characters.

    ambiguous: other programs, which read YAML 1.1, take it for something other than this text.
    """

    where: str
    raw: str | None = None
    ambiguous: bool = False
    quoted: bool = False


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema; a key that stands twice is an error."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's way

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
        return super().construct_mapping(node, deep)

    def construct_int(self, node: yaml.ScalarNode) -> int:
        """Digits are decimal, also after a zero; 0x and 0o say otherwise; 1_000 is 1000."""
        digits = self.construct_scalar(node).replace("_", "")
        return int(digits, 0 if re.match(r"[-+]?0[xo]", digits) else 10)

    def construct_float(self, node: yaml.ScalarNode) -> float:
        """Unlike in YAML 1.1 a float needs no dot: 1e-5."""
        return float(self.construct_scalar(node).replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


for _tag, _pattern, _first in (
    (_BOOL, r"true|True|TRUE|false|False|FALSE", "tTfF"),
    (_NULL, r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (_INT, r"[-+]?[0-9]+(_[0-9]+)*|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        _FLOAT,
        r"[-+]?(\.[0-9]+|[0-9]+(_[0-9]+)*(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("tag:yaml.org,2002:merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), list(_first))
_Loader.add_constructor(_INT, _Loader.construct_int)
_Loader.add_constructor(_FLOAT, _Loader.construct_float)


class _Dumper(yaml.SafeDumper):
    """Quotes whatever YAML 1.1 or 1.2 would take for something other than text."""


for _first_character, _resolvers in _Loader.yaml_implicit_resolvers.items():
    for _tag, _compiled in _resolvers:
        _Dumper.add_implicit_resolver(_tag, _compiled, [_first_character])


def read(text: str, name: str) -> tuple[Any, Mapping[Key, Written]]:
    """Give a document's value, and how each key's value is written.

    Args:
        name: of the file, for places such as `run.yaml:3:10`.

    Raises:
        yaml.YAMLError: if it is not YAML, or a key stands twice.
        ValueError: if a value with a tag of its own is not what the tag says.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        tree = loader.construct_document(node)
    finally:
        loader.dispose()
    written: dict[Key, Written] = {}
    _note(node, (), name, written)
    return tree, written


def dump(tree: Any) -> str:
    """Write a value that every reader of YAML reads as it is."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def inline(value: Any) -> str:
    """Write a value as it would stand behind a key, on one line."""
    written = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10**6)
    return written.removesuffix("\n").removesuffix("\n...")


def _note(node: yaml.Node, key: Key, name: str, written: dict[Key, Written]) -> None:
    where = f"{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
    if isinstance(node, yaml.ScalarNode):
        plain = node.style is None
        ambiguous = plain and _1_1.resolve(yaml.ScalarNode, node.value, (True, False)) != _STR  # type: ignore[no-untyped-call]
        written[key] = Written(where, node.value, ambiguous, quoted=node.style in ("'", '"'))
        return
    written[key] = Written(where)
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _note(item, (*key, number), name, written)
    elif isinstance(node, yaml.MappingNode):
        for each, value in node.value:
            if isinstance(each, yaml.ScalarNode):
                _note(value, (*key, each.value), name, written)


_1_1 = yaml.SafeLoader("")  # how other programs read a word
