r"""Read YAML 1.2 with the place and spelling of every value, and write YAML.

PyYAML by itself follows YAML 1.1, which takes `NO` for false, `010` for 8, `20:30` for 1230 and `2024-05-03` for a
date. Here digits are decimal numbers, only true and false are truth values, and every other word is text (the core
schema of YAML 1.2).

>>> tree, sources = read_yaml("epochs: 010\nat: 20:30\nlabels: [NO]\nrate: 1e-5", "run.yaml", Path())
>>> tree
{'epochs': 10, 'at': '20:30', 'labels': ['NO'], 'rate': 1e-05}
>>> sources["labels", 0]
Source(where='run.yaml:3:10', raw='NO', quoted=False)
>>> sources["labels", 0].is_ambiguous()
True
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conflict_ner.errors import Problem

Key = tuple[str | int, ...]
YAML_ERRORS = (yaml.YAMLError, ValueError, RecursionError)  # ValueError: a value that does not fit its !!tag
_CORE_SCHEMA = {
    "bool": r"true|True|TRUE|false|False|FALSE",
    "null": r"~|null|Null|NULL|",
    "int": r"[-+]?[0-9]+(_[0-9]+)*|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(_[0-9]+)*(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    "merge": r"<<",
}
_FIXES = {
    "\\t": "indent with spaces, not with tabs",
    "escape character": "write paths with / or in single quotes",
    "cannot start any token": "put the value in quotes",
}


class Text(str):
    """A string from a YAML document; folder: what it is relative to if it is a path."""

    folder: Path
    quoted: bool


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value stands; raw: the characters of a scalar, without its quotes; quoted: or written as a block."""

    where: str
    raw: str | None = None
    quoted: bool = False

    def is_ambiguous(self) -> bool:
        """Say whether programs that read YAML 1.1 take it for something other than text."""
        if self.raw is None or self.quoted:
            return False
        return bool(_YAML_1_1.resolve(yaml.ScalarNode, self.raw, (True, False)) != "tag:yaml.org,2002:str")  # type: ignore[no-untyped-call]


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's way
    folder: Path

    def construct_int(self, node: yaml.ScalarNode) -> int:
        """Read digits as decimal, also after a zero, unless 0x or 0o says otherwise."""
        digits = self.construct_scalar(node)
        return int(digits, 0 if digits.startswith(("0x", "0o")) else 10)

    def construct_text(self, node: yaml.ScalarNode) -> Text:
        text = Text(self.construct_scalar(node))
        text.folder, text.quoted = self.folder, node.style is not None
        return text


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or 1.2 would take for something else."""


for _name, _pattern in _CORE_SCHEMA.items():
    _regexp = re.compile(rf"(?:{_pattern})\Z")
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _regexp, None)
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _regexp, None)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_int)
_Loader.add_constructor("tag:yaml.org,2002:str", _Loader.construct_text)
_YAML_1_1 = yaml.SafeLoader("")


def read_yaml(text: str, name: str, folder: Path) -> tuple[Any, dict[Key, Source]]:
    """Read a YAML document, and where and how each of its values is written.

    Args:
        name: of the file, for places such as `run.yaml:3:10`.
        folder: that paths in the document are relative to.

    Raises:
        YAML_ERRORS: if it is not YAML, or a key stands twice.
    """
    loader = _Loader(text)
    loader.folder = folder
    node = loader.get_single_node()
    sources: dict[Key, Source] = {}
    if node is None:
        return None, sources
    _find_sources(node, (), name, sources)
    return loader.construct_document(node), sources


def to_yaml(value: Any, **options: Any) -> str:
    """Write a value as YAML that readers of YAML 1.1 and of YAML 1.2 understand alike."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, **options))


def syntax_problem(error: Exception, name: str) -> Problem:
    """Say where a text is not YAML, and how to mend what people often stumble over."""
    mark = getattr(error, "problem_mark", None)
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    what = "nested too deeply" if isinstance(error, RecursionError) else str(getattr(error, "problem", None) or error)
    if "stands twice" in what:
        return Problem(where, what, "remove one of the two")
    return Problem(where, f"not YAML: {what}", next((fix for part, fix in _FIXES.items() if part in what), ""))


def _find_sources(node: yaml.Node, key: Key, name: str, sources: dict[Key, Source]) -> None:
    where = f"{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
    if isinstance(node, yaml.ScalarNode):
        sources[key] = Source(where, node.value, node.style is not None)
        return
    sources[key] = Source(where)
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _find_sources(item, (*key, number), name, sources)
        return
    names = [each.value for each, _ in node.value]
    for each, value in node.value:
        if names.count(each.value) > 1:
            raise yaml.MarkedYAMLError(problem=f"the key {each.value!r} stands twice", problem_mark=each.start_mark)
        if isinstance(each, yaml.ScalarNode):
            _find_sources(value, (*key, each.value), name, sources)


def _is_quoted(node: yaml.ScalarNode) -> bool:
    return node.style in ("'", '"')
