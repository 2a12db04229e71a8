"""The section `search` of a config: which settings `train --search` varies, and between which values.

A range has `low` and `high`; `log: true` draws evenly over orders of magnitude, `step` keeps to a grid. A list names
the values themselves.

>>> search = SearchConfig.model_validate({"settings": {"training.warmup": {"low": 0.0, "high": 0.3}}})
>>> search.settings["training.warmup"].ends
(0.0, 0.3)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_serializer, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from conflict_ner.yaml_io import Switch

Number = Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True, allow_inf_nan=False)]
_SECTIONS = ("training.", "encoding.")
_LEAST_VALUES = 2
_FORMS = "write {low: ..., high: ...}, or a list of two or more values"
_OTHERS = ("encoder_layers",)
# They change what a score means, or nothing that is learned.
_FIXED = {f"training.{name}" for name in ("seed", "teacher", "average_with", "report_to", "device", "precision")}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class SearchedSetting(_Section):
    """The values of one setting that may be tried: those of a list, or all between two."""

    values: tuple[Any, ...] | None = None
    low: Number | None = None
    high: Number | None = None
    log: Switch = False
    step: Annotated[Number, Field(gt=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_list(cls, value: object) -> object:
        if not isinstance(value, list | tuple | Mapping | SearchedSetting):
            raise ValueError(_FORMS)
        return {"values": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _check_range(self) -> SearchedSetting:
        if self.values is not None:
            if len(self.values) < _LEAST_VALUES:
                raise ValueError(_FORMS)
            if (self.low, self.high, self.step, self.log) != (None, None, None, False):
                raise ValueError("values and a range exclude each other")
            return self
        if self.low is None or self.high is None:
            raise ValueError(_FORMS)
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError("log: true needs a low above 0")
        if self.log and self.step is not None:
            raise ValueError("log and step exclude each other")
        return self

    @model_serializer
    def _write(self) -> Any:
        """Write it as a person would: a list, or the parts of a range that are set."""
        if self.values is not None:
            return list(self.values)
        parts = {"low": self.low, "high": self.high, "log": self.log or None, "step": self.step}
        return {name: value for name, value in parts.items() if value is not None}

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values of the list, or the two ends of the range."""
        return self.values if self.values is not None else (self.low, self.high)


class SearchConfig(_Section):
    """What `train --search N` tries: N trials, each of which trains with other values of these settings."""

    settings: Mapping[str, SearchedSetting] = Field(
        {},
        description="by the setting's dotted key, the values to try: a range {low: ..., high: ...}, with "
        "log: true or a step if you like, or a list of values",
    )
    random_trials: Annotated[int, Field(strict=True, ge=1)] = Field(
        6, description="trials that are drawn at random, before the search learns from those that are finished"
    )
    prune: Switch = Field(
        True, description="stop a trial whose best validation F1 is below the median of the others after as many epochs"
    )
    prune_after: Annotated[int, Field(strict=True, ge=1)] = Field(
        3, description="epochs that every trial trains at least"
    )
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = Field(
        7, description="seed of the values that are drawn; what a trial trains with is training.seed"
    )


def check_searched(model: type[BaseModel], search: SearchConfig) -> SearchConfig:
    """Return the section with the values in the types of their settings.

    Args:
        model: the schema of the config.

    Raises:
        ValidationError: at the key of each setting that does not exist, is not searched, or does not take a value.
    """
    faults: list[InitErrorDetails] = []
    checked: dict[str, SearchedSetting] = {}
    for key, setting in search.settings.items():
        try:
            checked[key] = _check_setting(model, key, setting)
        except ValueError as error:  # pydantic's errors are ValueErrors
            message = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            kind = PydanticCustomError("value_error", "{message}", {"message": message})
            faults.append(InitErrorDetails(type=kind, loc=("settings", key), input=setting.model_dump()))
    if faults:
        raise ValidationError.from_exception_data("search", faults)
    return search.model_copy(update={"settings": checked})


def takes_fractions(model: type[BaseModel], key: str) -> bool:
    """Return whether a setting is a number that need not be whole."""
    return "number" in _kinds(TypeAdapter(_field(model, key).rebuild_annotation()))


def with_settings(tree: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Set values by dotted key in a dumped config, and return it."""
    for key, value in values.items():
        *sections, name = key.split(".")
        section = tree
        for part in sections:
            section = section[part]
        section[name] = value
    return tree


def _check_setting(model: type[BaseModel], key: str, setting: SearchedSetting) -> SearchedSetting:
    field = _field(model, key)
    adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
    if setting.values is None:
        kinds = _kinds(adapter)
        if not kinds & {"integer", "number"}:
            raise ValueError("it is not a number; write a list of values")
        numbers = (setting.low, setting.high, setting.step)
        if "number" not in kinds and any(isinstance(number, float) for number in numbers):
            raise ValueError("it is a whole number; write low, high and step without a fraction")
    values = tuple(adapter.validate_python(value) for value in setting.ends)
    if setting.values is None:
        return setting
    if len({repr(value) for value in values}) < len(values):
        raise ValueError("a value appears twice")
    return setting.model_copy(update={"values": values})


def _field(model: type[BaseModel], key: str) -> FieldInfo:
    """Return the field of a setting that may be searched.

    Raises:
        ValueError: if there is none.
    """
    keys = _searched_fields(model)
    if key in keys:
        return keys[key]
    if key in dict(_fields(model)):
        raise ValueError("it cannot be searched: only settings of training and encoding, and encoder_layers")
    nearest = get_close_matches(key, keys, n=1, cutoff=0.5)
    raise ValueError(f"no setting that can be searched{f'; did you mean {nearest[0]}?' if nearest else ''}")


def _searched_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the settings that may be searched, by dotted key."""
    return {
        key: field
        for key, field in _fields(model)
        if (key.startswith(_SECTIONS) or key in _OTHERS) and key not in _FIXED
    }


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and get_origin(section) is None and issubclass(section, BaseModel):
            yield from _fields(section, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def _kinds(adapter: TypeAdapter[Any]) -> set[str]:
    """Return the JSON types of the values that a setting takes."""
    schema = adapter.json_schema()
    return {str(kind.get("type")) for kind in schema.get("anyOf", [schema])}
