"""The settings of a run, described from the schema in `config`: as a starting config, or as a page.

>>> [setting.key for setting in settings() if not setting.is_section][:3]
['labels', 'encoder', 'encoder_layers']
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined, to_jsonable_python

from conflict_ner.config.schema import Config, section_model
from conflict_ner.yaml_io import to_yaml

_CONFIG_HEAD = """\
# A config for conflict-ner with every setting, its meaning and its default. Save it, change it, then
#   conflict-ner train FILE
# A setting that you leave out has its default. Paths are relative to this file's folder."""
_PAGE_HEAD = """\
# Settings of a run

Every setting that a config under `configs/` may have. This page is generated from the schema in
`train/conflict_ner/config/schema.py` by `conflict-ner config --markdown > docs/config.md`; a test compares the two.
`conflict-ner config > mine.yaml` writes a starting config with all of them and their meanings.

- Paths are relative to the folder of the config file. Unknown and duplicate keys are errors.
- `conflict-ner train CONFIG --set training.epochs=3` overrides a setting for one run; `--set` may be repeated.
  Paths in it are relative to the working folder. Give such a run its own `output` to keep the
  existing checkpoint (see [Training](training.md)).
- Configs are read by the rules of YAML 1.2: `010` is ten, and `NO` is a word. Labels that other programs could
  read as a truth value, a number or a date have to be quoted: `labels: ["NO", "ON"]`."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting, or a section of settings. example: where there is no default, or the default is not informative."""

    key: str
    meaning: str
    allowed: str
    default: Any
    example: Any
    required: bool
    is_section: bool

    @property
    def name(self) -> str:
        """The last part of the key, as it is written in its section."""
        return self.key.rpartition(".")[2]

    @property
    def value(self) -> Any:
        """The value in the starting config."""
        return self.default if self.example is None else self.example


def settings(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[Setting]:
    """Yield every setting in the order of the schema, each section before its settings."""
    schema = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        section = section_model(field)
        required = field.is_required() and not (section and prefix == "" and name != "data")
        default = None if field.default is PydanticUndefined else to_jsonable_python(field.default)
        yield Setting(
            key=prefix + name,
            meaning=field.description or "",
            allowed="" if section else _allowed(schema[name]),
            default=default,
            example=field.examples[0] if field.examples else None,
            required=required,
            is_section=section is not None,
        )
        if section:
            yield from settings(section, f"{prefix}{name}.")


def starting_config() -> str:
    """Return a config that trains on the shipped reports, with the meaning of every setting."""
    lines = [_CONFIG_HEAD]
    for setting in settings():
        if setting.key.startswith("data.fold"):  # set by `train --folds`, not by users
            continue
        indent = "  " * setting.key.count(".")
        if not indent:
            lines.append("")
        lines.append(f"{indent}# {setting.meaning[:1].upper()}{setting.meaning[1:]}.")
        if not setting.is_section:
            default = "required" if setting.required else f"default: {_inline(setting.default)}"
            lines.append(f"{indent}# ({setting.allowed}; {default})")
        lines.append(f"{indent}{setting.name}:" + ("" if setting.is_section else f" {_inline(setting.value)}"))
    return "\n".join(lines) + "\n"


def page() -> str:
    """Return the reference of all settings in Markdown."""
    lines = [_PAGE_HEAD]
    top = [setting for setting in settings() if "." not in setting.key]
    lines += _table("A run", "One run: data and encoder in, one checkpoint out.", top)
    for section in (setting for setting in settings() if setting.is_section):
        section_settings = [s for s in settings() if s.key.rpartition(".")[0] == section.key]
        lines += _table(f"`{section.key}`", section.meaning[:1].upper() + section.meaning[1:] + ".", section_settings)
    return "\n".join(lines) + "\n"


def _table(title: str, meaning: str, table_settings: list[Setting]) -> list[str]:
    lines = ["", f"## {title}", "", meaning, "", "| setting | meaning | values | default |", "|---|---|---|---|"]
    for setting in table_settings:
        name = f"[`{setting.name}`](#{setting.key.replace('.', '')})" if setting.is_section else f"`{setting.name}`"
        default = "required" if setting.required else "" if setting.is_section else f"`{_inline(setting.default)}`"
        lines.append(
            f"| {name} | {setting.meaning} | {setting.allowed} | {default} |".replace("|  |", "| |").replace(
                "|  |", "| |"
            )
        )
    return lines


def _inline(value: Any) -> str:
    """Format a value as YAML on one line, as after a key."""
    return to_yaml(value, default_flow_style=True, width=10**6).removesuffix("\n").removesuffix("\n...")


def _allowed(schema: dict[str, Any]) -> str:
    """Describe the values that a setting accepts."""
    if "anyOf" in schema:
        kinds = [_allowed(kind) for kind in schema["anyOf"]]
        return ", or ".join(kinds)
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    kind = schema.get("type", "")
    if kind == "array":
        items = schema["items"]
        if "enum" in items:
            return f"a list of {_allowed(items)}"
        return "a list of paths" if items.get("format") == "path" else "a list of names"
    if kind == "object":
        return "a mapping"
    names = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "null": "null"}
    bounds = [
        f"{word} {schema[bound]:g}" if schema[bound] < 10**6 else f"{word} {schema[bound]:,}"
        for bound, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "more than"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "less than"),
        )
        if bound in schema
    ]
    name = names.get(kind, "a path" if schema.get("format") == "path" else "text")
    return ", ".join([name, *([" and ".join(bounds)] if bounds else [])])
