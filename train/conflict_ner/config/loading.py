r"""Read a run's config from YAML with overrides, report its faults at their places, and write it.

Unknown keys are errors. Paths in a config file are relative to the file's folder, so a config means the same
wherever the command is run from. `load_config` reports every problem at once, with the key and the nearest valid
name:

>>> import tempfile
>>> path = Path(tempfile.mkdtemp()) / "run.yaml"
>>> _ = path.write_text("labels: [A]\ndata: {train: [x], validation: [y]}\noutput: m\ntraining: {epoch: 3}")
>>> try:
...     load_config(path)
... except ConfigError as error:
...     print(error.problems[0].where, "-", error.problems[0].fix)
training.epoch - did you mean training.epochs?
>>> _ = path.write_text(path.read_text().replace("epoch: 3", "learning_rate: 1e-5"))
>>> load_config(path, ["training.epochs=2"]).training.learning_rate
1e-05
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from conflict_ner.config.schema import Config, setting_keys
from conflict_ner.errors import ConfigError, Problem
from conflict_ner.yaml_io import YAML_ERRORS, Key, Source, read_yaml, syntax_problem, to_yaml

_HEAD = """\
# The resolved config of the run that made this checkpoint. Train it again with:
#   conflict-ner train run.yaml
# Paths are relative to this file's folder.
"""


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a config file and apply `key=value` overrides, which are validated like the file.

    Paths in the file are relative to the file's folder. Paths in overrides, which are typed
    at a prompt, are relative to the working folder.

    Raises:
        ConfigError: with every bad key and value of the file and the overrides.
    """
    path = Path(path)
    try:
        tree, sources = read_yaml(path.read_text(encoding="utf-8-sig"), str(path), path.absolute().parent)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise ConfigError(str(path), [Problem(str(path), reason, "correct the path")]) from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), [Problem(str(path), "not UTF-8", "save it as UTF-8")]) from None
    except YAML_ERRORS as error:
        raise ConfigError(str(path), [syntax_problem(error, str(path))]) from None
    if not isinstance(tree, dict):
        raise ConfigError(str(path), [Problem(str(path), "not a mapping", "write 'key: value' lines")])
    return build_config(tree, str(path), overrides, sources)


def build_config(
    tree: dict[str, Any], name: str, overrides: Sequence[str] = (), sources: dict[Key, Source] | None = None
) -> Config:
    """Validate settings as a config, after `key=value` overrides.

    Args:
        tree: the settings, by section; overrides are written into it.
        name: of the config, for messages.
        sources: where each setting stands in a file.

    Raises:
        ConfigError: with every bad key and value.
    """
    sources = {} if sources is None else sources
    overrides = [overrides] if isinstance(overrides, str) else overrides
    problems = [problem for item in overrides if (problem := _apply_override(tree, item, sources))]
    problems += _ambiguous_labels(sources)
    reported = {problem.where for problem in problems}
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        invalid = [_describe_error(detail, sources) for detail in error.errors()]
        problems += [problem for problem in invalid if problem.where not in reported]
    if problems:
        raise ConfigError(name, problems)
    return config


def dump_config(config: Config, folder: Path, head: str = _HEAD) -> str:
    """Return the resolved config as YAML that loads back as the same config from a file in `folder`.

    Args:
        head: comments to begin with.
    """
    return head + to_yaml(config.model_dump(mode="json", context=folder))


def flat_settings(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """Return all settings that are not None, by dotted key.

    Args:
        folder: paths are given relative to it; absolute ones if it is None.
    """
    flat: dict[str, Any] = {}

    def visit(tree: Mapping[str, Any], prefix: str) -> None:
        for key, value in tree.items():
            if isinstance(value, dict):
                visit(value, f"{prefix}{key}.")
            else:
                flat[prefix + key] = value

    visit(config.model_dump(mode="json", context=folder), "")
    return {key: value for key, value in flat.items() if value is not None}


def _ambiguous_labels(sources: Mapping[Key, Source]) -> list[Problem]:
    """Find unquoted labels that a YAML 1.1 reader takes for false, a number or a date.

    Labels are written to files of other programs, which should read them as text.
    """
    return [
        Problem(
            ".".join(map(str, key)),
            f"{source.raw or 'nothing'} is not text in every program that reads YAML ({source.where})",
            f'put it in quotes: "{source.raw}"',
        )
        for key, source in sources.items()
        if key[0:1] == ("labels",) and source.is_ambiguous()
    ]


def _apply_override(tree: dict[str, Any], item: str, sources: dict[Key, Source]) -> Problem | None:
    """Set the value of a `key=value` override in the tree; return the problem if it cannot be set."""
    key, equals, value = item.partition("=")
    if not equals or not key:
        return Problem("--set", f"{item!r} is not an override", "write --set training.epochs=1")
    try:
        parsed, value_sources = read_yaml(value, "--set", Path.cwd())
    except YAML_ERRORS:
        return Problem("--set", f"{value!r} is not a YAML value", "quote it")
    path = tuple(key.split("."))
    for section in path[:-1]:
        if tree.get(section) is None:  # a section that is left out, or null as in a checkpoint's run.yaml
            tree[section] = {}
        tree = tree[section]
        if not isinstance(tree, dict):
            return Problem(f"--set {key}", f"{section!r} is not a section", "see the shipped configs")
    tree[path[-1]] = parsed
    for overridden in [known for known in sources if known[: len(path)] == path]:
        del sources[overridden]
    sources |= {(*path, *below): replace(source, where=f"--set {key}") for below, source in value_sources.items()}
    return None


def _describe_error(detail: Any, sources: Mapping[Key, Source]) -> Problem:
    """Return the problem that one error of pydantic describes, with its place in the file and a fix."""
    key = ".".join(map(str, detail["loc"]))
    source = sources.get(tuple(detail["loc"]))
    if detail["type"] == "extra_forbidden":
        nearest = _nearest_key(key)
        place = f" ({source.where})" if source else ""
        return Problem(key, f"unknown key{place}", f"did you mean {nearest}?" if nearest else "remove it")
    if detail["type"] == "missing":
        return Problem(key, "is missing", "add it")
    value = f"{detail['input']!r}"
    if source and source.raw is not None and not source.quoted and not isinstance(detail["input"], str):
        value = source.raw or "nothing"  # as it is written in the file, so that it can be found there
    place = f", {source.where}" if source else ""
    message = f"{_MESSAGES.get(detail['type']) or detail['msg'].removeprefix('Value error, ')} (got {value:.60}{place})"
    return Problem(key or "config", message, _suggest_fix(detail["type"], source))


# In the words of a config, where those of pydantic are of Python.
_MESSAGES = {"tuple_type": "is not a list", "model_type": "is not a section of settings"}
# Fixes that are the same whatever is written.
_FIXES = {"unknown_home": "write the path out", "model_type": "write its settings below it, or remove the line"}


def _suggest_fix(kind: str, source: Source | None) -> str:
    """Return the fix for a value with pydantic's error `kind`, or an empty string."""
    if source is None or source.raw is None:
        return ""
    if kind in _FIXES:
        return _FIXES[kind]
    if kind in ("string_type", "path_type"):
        return f'put it in quotes: "{source.raw}"' if source.raw else "write a value, or remove the line"
    fixes = {
        "int_type": "write a whole number in plain digits, such as 30",
        "float_type": "write a number such as 0.1 or 1e-4",
        "bool_type": "write true or false",
        "tuple_type": f"write [{source.raw}]",
    }
    if kind not in fixes:
        return ""
    if source.quoted and kind != "tuple_type":
        return "write it without quotes"
    return fixes[kind] if source.raw not in ("", "~", "null") else "write a value, or remove the line for the default"


def _nearest_key(key: str) -> str | None:
    """Return the valid key most similar to an unknown one: by its full path, else by its last part."""
    keys = list(setting_keys())
    paths = get_close_matches(key, keys, n=1, cutoff=0.8)
    by_name = {valid.rpartition(".")[2]: valid for valid in keys}
    names = get_close_matches(key.rpartition(".")[2], by_name, n=1, cutoff=0.6)
    return paths[0] if paths else by_name[names[0]] if names else None
