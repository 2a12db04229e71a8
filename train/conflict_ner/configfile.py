r"""Reads a run's YAML into a `Config`, with overrides, and writes one back.

Every problem is reported at once, with the key's path and the nearest valid name:

>>> import tempfile
>>> path = Path(tempfile.mkdtemp()) / "run.yaml"
>>> _ = path.write_text("labels: [A]\ndata: {train: [x], validation: [y]}\noutput: m\ntraining: {epoch: 3}")
>>> try:
...     load(path)
... except ConfigError as error:
...     print(error.problems[0].where, "-", error.problems[0].fix)
training.epoch - did you mean training.epochs?
>>> _ = path.write_text(path.read_text().replace("epoch: 3", "learning_rate: 1e-5"))
>>> load(path, ["training.epochs=2"]).training.learning_rate
1e-05
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from conflict_ner import plainyaml
from conflict_ner.config import Config
from conflict_ner.errors import ConfigError, Problem
from conflict_ner.plainyaml import Key, Written

_SWITCHES = {"yes": True, "on": True, "no": False, "off": False}
_PLAIN = {
    "int_type": "write a whole number in plain digits, such as 30",
    "float_type": "write a number such as 0.1 or 1e-4",
    "bool_type": "write true or false",
}


def load(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a config file and apply `key=value` overrides, validated alike.

    Paths in the file are relative to the file's folder; paths in overrides, which a person
    types at a prompt, to the working folder.

    Raises:
        ConfigError: naming every bad key and value of the file and the overrides.
    """
    try:
        tree, found = plainyaml.read(path.read_text(encoding="utf-8-sig"), str(path))
    except OSError as error:
        raise ConfigError(
            str(path), [Problem(str(path), f"cannot be read: {error.strerror}", "mend the path")]
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), [Problem(str(path), "not UTF-8", "save it as UTF-8")]) from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: what has a tag and is not what that says
        raise ConfigError(str(path), [_not_yaml(error, str(path))]) from None
    written = dict(found)
    if not isinstance(tree, dict):
        raise ConfigError(str(path), [Problem(str(path), "not a mapping", "write 'key: value' lines")])
    try:
        _anchor(Config, tree, path.absolute().parent)
    except RuntimeError as error:  # ~somebody who is not known here
        raise ConfigError(str(path), [Problem(str(path), str(error), "write the path out")]) from None
    problems = [problem for item in overrides if (problem := _override(tree, item, written))]
    _read_switches(Config, tree, written)
    problems += _ambiguous_labels(written)
    known = {problem.where for problem in problems}
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        explained = [_explain(detail, written) for detail in error.errors()]
        problems += [problem for problem in explained if problem.where not in known]
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
    return header + plainyaml.dump(tree)


def _not_yaml(error: Exception, name: str) -> Problem:
    """Say where a text is not YAML; the characters that people stumble over have a fix of their own."""
    mark = getattr(error, "problem_mark", None)
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    what = str(getattr(error, "problem", None) or error)
    fix = ""
    if "\\t" in what:
        fix = "indent with spaces, not with tabs"
    elif "escape character" in what:
        fix = "write paths with / or in single quotes"
    elif "cannot start any token" in what:
        fix = "put the value in quotes"
    elif "stands twice" in what:
        fix = "remove one of the two"
    return Problem(where, f"not YAML: {what}" if "stands twice" not in what else what, fix)


def _read_switches(
    model: type[BaseModel], tree: dict[str, Any], written: Mapping[Key, Written], above: Key = ()
) -> None:
    """Read yes, no, on and off as truth values where a setting is one: nobody means anything else."""
    for name, field in model.model_fields.items():
        value, section = tree.get(name), _section(field)
        if section and isinstance(value, dict):
            _read_switches(section, value, written, (*above, name))
        elif field.annotation is bool and isinstance(value, str):
            how = written.get((*above, name))
            word = None if how and how.quoted else _SWITCHES.get(value.lower())
            tree[name] = value if word is None else word


def _ambiguous_labels(written: Mapping[Key, Written]) -> list[Problem]:
    """Labels go into other programs' files, and should not be read there as false, a number or a date."""
    return [
        Problem(
            ".".join(map(str, key)),
            f"{how.raw or 'nothing'} is not text in every program that reads YAML ({how.where})",
            f'put it in quotes: "{how.raw}"',
        )
        for key, how in written.items()
        if key[0:1] == ("labels",) and how.ambiguous
    ]


def _override(tree: dict[str, Any], item: str, written: dict[Key, Written]) -> Problem | None:
    key, equals, value = item.partition("=")
    if not equals or not key:
        return Problem("--set", f"{item!r} is not an override", "write --set training.epochs=1")
    try:
        parsed, found = plainyaml.read(value, "--set")
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
    path: Key = (*sections, leaf)
    for old in [each for each in written if each[: len(path)] == path]:
        del written[old]
    written |= {(*path, *below): replace(how, where=f"--set {key}") for below, how in found.items()}
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


def _explain(detail: Any, written: Mapping[Key, Written]) -> Problem:
    key = ".".join(str(part) for part in detail["loc"])
    how = written.get(tuple(detail["loc"]))
    if detail["type"] == "extra_forbidden":
        near = _nearest(key)
        place = f" ({how.where})" if how else ""
        return Problem(key, f"unknown key{place}", f"did you mean {near}?" if near else "remove it")
    if detail["type"] == "missing":
        return Problem(key, "is missing", "add it")
    # As it is written: a person looks for that, not for what was made of it.
    plain = how is not None and how.raw is not None and not how.quoted
    got = (how.raw or "nothing") if plain and how and not isinstance(detail["input"], str) else f"{detail['input']!r}"
    place = f", {how.where}" if how else ""
    what = f"{detail['msg'].removeprefix('Value error, ')} (got {got:.60}{place})"
    return Problem(key or "config", what, _fix(detail["type"], how))


def _fix(kind: str, how: Written | None) -> str:
    """How to mend a value of the wrong kind."""
    if how is None or how.raw is None:
        return ""
    if kind in ("string_type", "path_type"):
        return f'put it in quotes: "{how.raw}"' if how.raw else "write a value, or remove the line"
    if kind in ("int_type", "float_type", "bool_type"):
        if how.quoted:
            return "write it without quotes"
        if not how.raw or how.raw in ("~", "null"):
            return "write a value, or remove the line for the default"
        return _PLAIN[kind]
    return ""


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
