r"""Read YAML 1.2 with the place and spelling of every value, and write YAML; types for its paths and switches.

PyYAML alone follows YAML 1.1, which reads `NO` as false, `010` as 8, `20:30` as 1230 and `2024-05-03` as a date.
Here digits are decimal numbers, only true and false are Booleans, and every other word is text (the core schema of
YAML 1.2).

>>> tree, sources = read_yaml("epochs: 010\nat: 20:30\nlabels: [NO]\nrate: 1e-5", "run.yaml", Path())
>>> tree
{'epochs': 10, 'at': '20:30', 'labels': ['NO'], 'rate': 1e-05}
>>> sources["labels", 0]
Source(where='run.yaml:3:10', raw='NO', quoted=False)
>>> sources["labels", 0].is_ambiguous()
True
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, PlainSerializer, SerializationInfo
from pydantic_core import PydanticCustomError

from conflict_ner.errors import Problem

Key = tuple[str | int, ...]
YAML_ERRORS = (yaml.YAMLError, ValueError, RecursionError)  # ValueError: a value that does not match its !!tag
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
    """A string from a YAML document.

    folder: the folder that it is relative to if it is a path.
    quoted: whether it is quoted, or written as a block.
    """

    folder: Path
    quoted: bool


@dataclass(frozen=True, slots=True)
class Source:
    """Where and how a value is written.

    where: `file:line:column`.
    raw: the characters of a scalar, without its quotes; None for a list or a mapping.
    quoted: whether it is quoted, or written as a block.
    """

    where: str
    raw: str | None = None
    quoted: bool = False

    def is_ambiguous(self) -> bool:
        """Return whether programs that read YAML 1.1 take the value for something other than text."""
        if self.raw is None or self.quoted:
            return False
        return bool(_YAML_1_1.resolve(yaml.ScalarNode, self.raw, (True, False)) != "tag:yaml.org,2002:str")  # type: ignore[no-untyped-call]


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as PyYAML has it
    folder: Path

    def construct_int(self, node: yaml.ScalarNode) -> int:
        """Read digits as a decimal number, even after a leading zero, unless they begin with 0x or 0o."""
        digits = self.construct_scalar(node)
        return int(digits, 0 if digits.startswith(("0x", "0o")) else 10)

    def construct_text(self, node: yaml.ScalarNode) -> Text:
        text = Text(self.construct_scalar(node))
        text.folder, text.quoted = self.folder, node.style is not None
        return text


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or 1.2 would read as something else."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Represent a string; one with a Unicode line break in double quotes, because PyYAML folds it otherwise."""
        style = '"' if re.search("[\x85\u2028\u2029]", text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


for _name, _pattern in _CORE_SCHEMA.items():
    _regexp = re.compile(rf"(?:{_pattern})\Z")
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _regexp, None)
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _regexp, None)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_int)
_Loader.add_constructor("tag:yaml.org,2002:str", _Loader.construct_text)
_Dumper.add_representer(str, _Dumper.represent_text)
_YAML_1_1 = yaml.SafeLoader("")


def read_yaml(text: str, name: str, folder: Path) -> tuple[Any, dict[Key, Source]]:
    """Read a YAML document; return its value, and where and how each value in it is written.

    Args:
        text: the document.
        name: the name of the file, for places such as `run.yaml:3:10`.
        folder: the folder that paths in the document are relative to.

    Raises:
        YAML_ERRORS: if the text is not YAML, or a key appears twice.
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
    """Return a value as YAML that YAML 1.1 and YAML 1.2 read alike; options are those of `yaml.dump`."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, **options))


def syntax_problem(error: Exception, name: str) -> Problem:
    """Return where a text is not YAML and why, with a fix for common mistakes."""
    mark = getattr(error, "problem_mark", None)
    place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    nested = isinstance(error, RecursionError)
    message = "nested too deeply" if nested else str(getattr(error, "problem", None) or error)
    if "appears twice" in message:
        return Problem(place, message, "remove one of the two")
    return Problem(place, f"not YAML: {message}", next((fix for part, fix in _FIXES.items() if part in message), ""))


def _find_sources(node: yaml.Node, key: Key, name: str, sources: dict[Key, Source]) -> None:
    place = f"{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
    if isinstance(node, yaml.ScalarNode):
        sources[key] = Source(place, node.value, node.style is not None)
        return
    sources[key] = Source(place)
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _find_sources(item, (*key, number), name, sources)
        return
    names = [name_node.value for name_node, _ in node.value]
    for name_node, value in node.value:
        if names.count(name_node.value) > 1:
            problem = f"the key {name_node.value!r} appears twice"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=name_node.start_mark)
        if isinstance(name_node, yaml.ScalarNode):
            _find_sources(value, (*key, name_node.value), name, sources)


# Types of settings in a YAML document, for pydantic.
_SWITCHES = {"yes": True, "on": True, "no": False, "off": False}


def _absolute(value: object) -> object:
    """Resolve a path from a YAML document against the document's folder."""
    if not isinstance(value, Text):
        return value
    try:
        # Only a leading ~: `Path` drops the ./ of ./~name, which is a name like any other.
        path = Path(value).expanduser() if value.startswith("~") else Path(value)
        return os.path.normpath(value.folder / path)
    except RuntimeError as error:  # ~somebody who is not known here
        raise PydanticCustomError("unknown_home", "{reason}", {"reason": str(error)}) from None


def _absolute_encoder(value: object) -> object:
    """Make an encoder an absolute path if it looks like a path, or if there is a model at that path."""
    if isinstance(value, Text):
        path = str(_absolute(value))
        if value.startswith((".", "/", "~")) or Path(path, "config.json").is_file():
            return path
    return value


def _relative(path: Path, info: SerializationInfo) -> str:
    """Return a path relative to the folder that is the context of the dump, or as it is without one."""
    if not info.context:
        return str(path)
    relative = os.path.relpath(path, info.context)
    return os.path.join(".", relative) if relative.startswith("~") else relative  # noqa: PTH118 - keeps the dot


def _relative_encoder(encoder: str, info: SerializationInfo) -> str:
    if info.context and Path(encoder).is_absolute():
        return os.path.join(".", os.path.relpath(encoder, info.context))  # noqa: PTH118 - keeps the dot
    return encoder


def _parse_switch(value: object) -> object:
    """Read unquoted yes, no, on and off as Booleans: for a switch nobody means anything else."""
    return _SWITCHES.get(value.lower(), value) if isinstance(value, Text) and not value.quoted else value


RunPath = Annotated[Path, BeforeValidator(_absolute), PlainSerializer(_relative, when_used="json")]
Encoder = Annotated[str, BeforeValidator(_absolute_encoder), PlainSerializer(_relative_encoder, when_used="json")]
# Strict: `epochs: true` is a mistake, not one epoch.
Switch = Annotated[bool, Field(strict=True), BeforeValidator(_parse_switch)]
