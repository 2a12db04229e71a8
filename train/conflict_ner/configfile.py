r"""Reads a run's YAML into a `Config`, with overrides, and writes one back.

Every problem is reported at once, with the key's path and the nearest valid name:

>>> import tempfile
>>> path = Path(tempfile.mkdtemp()) / "run.yaml"
>>> _ = path.write_text("labels: [A]\ndata: {train: [x], validation: [y]}\noutput: m\ntraining: {epoch: 3}")
>>> try:
...     load(path)
... except ConfigError as error:
...     print(error.problems[0].what, "-", error.problems[0].fix)
unknown key - did you mean training.epochs?
>>> _ = path.write_text(path.read_text().replace("epoch: 3", "learning_rate: 1e-5"))
>>> load(path, ["training.epochs=2"]).training.learning_rate
1e-05
"""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from conflict_ner.config import Config
from conflict_ner.errors import ConfigError, Problem


class _Loader(yaml.SafeLoader):
    """YAML as people expect it: `1e-5` is a number, a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(  # YAML 1.2's float, which unlike 1.1's needs no dot
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"),
    list("-+0123456789."),
)
# YAML 1.2 again: an int is digits, so that the float above does not take it.
_Loader.yaml_implicit_resolvers = {
    first: sorted(resolvers, key=lambda pair: pair[0] != "tag:yaml.org,2002:int")
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.SafeDumper):
    """Quotes what the loader above would take for a number."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def load(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a config file and apply `key=value` overrides, validated alike.

    Paths in the file are relative to the file's folder; paths in overrides, which a person
    types at a prompt, to the working folder.

    Raises:
        ConfigError: naming every bad key and value of the file and the overrides.
    """
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ConfigError(
            str(path), [Problem(str(path), f"cannot be read: {error.strerror}", "mend the path")]
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), [Problem(str(path), "not UTF-8", "save it as UTF-8")]) from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number that is none
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise ConfigError(str(path), [Problem(where, f"not YAML: {getattr(error, 'problem', error)}")]) from None
    if not isinstance(tree, dict):
        raise ConfigError(str(path), [Problem(str(path), "not a mapping", "write 'key: value' lines")])
    try:
        _anchor(Config, tree, path.absolute().parent)
    except RuntimeError as error:  # ~somebody who is not known here
        raise ConfigError(str(path), [Problem(str(path), str(error), "write the path out")]) from None
    problems = [problem for item in overrides if (problem := _override(tree, item))]
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        problems += [_explain(detail) for detail in error.errors()]
    if problems:
        raise ConfigError(str(path), problems)
    return config


def dump(config: Config, folder: Path) -> str:
    """The resolved config as YAML that means the same when it stands in `folder`."""
    tree = config.model_dump(mode="json")
    _visit_paths(Config, tree, lambda value: os.path.relpath(value, folder))
    if Path(tree["encoder"]).is_absolute():  # a folder, as `load` leaves it
        tree["encoder"] = os.path.join(".", os.path.relpath(tree["encoder"], folder))  # noqa: PTH118 - keeps the dot
    header = "# The resolved config of the run that made this checkpoint. Train it again with:\n"
    header += "#   conflict-ner train run.yaml\n# Paths are relative to this file's folder.\n"
    return header + yaml.dump(tree, Dumper=_Dumper, sort_keys=False)


def _override(tree: dict[str, Any], item: str) -> Problem | None:
    key, equals, value = item.partition("=")
    if not equals or not key:
        return Problem("--set", f"{item!r} is not an override", "write --set training.epochs=1")
    try:
        parsed = yaml.load(value, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError):
        return Problem("--set", f"{value!r} is not a YAML value", "quote it")
    *sections, leaf = key.split(".")
    patch: dict[str, Any] = {leaf: parsed}
    for section in reversed(sections):
        patch = {section: patch}
    try:
        _anchor(Config, patch, Path.cwd())
    except RuntimeError as error:
        return Problem(f"--set {key}", str(error), "write the path out")
    for section in sections:
        tree = tree.setdefault(section, {})
        patch = patch[section]
        if not isinstance(tree, dict):
            return Problem(f"--set {key}", f"{section!r} is not a section", "see the shipped configs")
    tree.update(patch)
    return None


def _anchor(model: type[BaseModel], tree: dict[str, Any], folder: Path) -> None:
    """Make the tree's paths absolute, and `encoder` too where it is a folder."""
    _visit_paths(model, tree, lambda value: _absolute(folder, value))
    encoder = tree.get("encoder")
    if isinstance(encoder, str):
        candidate = _absolute(folder, encoder)
        if encoder.startswith((".", "/", "~")) or (Path(candidate) / "config.json").is_file():
            tree["encoder"] = candidate


def _absolute(folder: Path, value: str) -> str:
    return os.path.normpath(folder / Path(value).expanduser())


def _visit_paths(model: type[BaseModel], tree: dict[str, Any], change: Any) -> None:
    for name, field in model.model_fields.items():
        value = tree.get(name)
        section = _section(field)
        if section and isinstance(value, dict):
            _visit_paths(section, value, change)
        elif _is_path(field) and isinstance(value, str):
            tree[name] = change(value)
        elif _is_path(field) and isinstance(value, list):
            tree[name] = [change(item) if isinstance(item, str) else item for item in value]


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _is_path(field: FieldInfo) -> bool:
    kinds = [field.annotation, *get_args(field.annotation)]
    return "path" in field.metadata or any("path" in getattr(kind, "__metadata__", ()) for kind in kinds)


def _explain(detail: Any) -> Problem:
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        near = _nearest(key)
        return Problem(key, "unknown key", f"did you mean {near}?" if near else "remove it")
    if detail["type"] == "missing":
        return Problem(key, "is missing", "add it")
    return Problem(key or "config", f"{detail['msg'].removeprefix('Value error, ')} (got {detail['input']!r:.60})")


def _nearest(key: str) -> str | None:
    """The valid key most like a wrong one: by its whole path, else by its last name."""
    keys = list(_keys(Config))
    whole = get_close_matches(key, keys, n=1, cutoff=0.8)
    leaves = {valid.rpartition(".")[2]: valid for valid in keys}
    leaf = get_close_matches(key.rpartition(".")[2], leaves, n=1, cutoff=0.6)
    return whole[0] if whole else leaves[leaf[0]] if leaf else None


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = _section(field)
        yield prefix + name
        if section:
            yield from _keys(section, f"{prefix}{name}.")
