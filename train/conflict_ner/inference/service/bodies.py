"""Reads the JSON bodies of requests, and describes the model that answers them."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from conflict_ner.checkpoint import Checkpoint
from conflict_ner.data.document import Entity
from conflict_ner.inference.files.layouts import Layout
from conflict_ner.inference.service.limits import RequestError

_MOST_FAULTS = 5  # that an answer lists


class TextTagger(Protocol):
    """What the service needs of a `Tagger`."""

    checkpoint: Checkpoint
    values: Any
    names: Any

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that an entity can have."""

    def tag(self, texts: list[str], /) -> list[list[Entity]]:
        """Return the entities of each text."""


@dataclass(frozen=True, slots=True)
class Model:
    """The model that answers, as clients see it.

    layout: the fields of an entity in JSON.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    layout: Layout

    @classmethod
    def of(cls, tagger: TextTagger) -> Self:
        """Describe a Tagger's model: its folder's name, and the beginning of its weights' hash as version."""
        checkpoint = tagger.checkpoint
        layout = Layout("reports", values=tagger.values is not None, names=tagger.names is not None)
        return cls(checkpoint.name, checkpoint.weights_sha256[:12], tagger.labels, layout)


class Call(Protocol):
    """A request for tags, in whatever protocol."""

    @property
    def wanted(self) -> Sequence[str]:
        """The texts to tag."""

    def answer(self, found: Sequence[Sequence[Entity]], model: Model) -> Any:
        """Return what the client gets as JSON.

        Args:
            found: the entities of each of the texts.
            model: which model found them.
        """


class Body(BaseModel):
    """A body of JSON; what a protocol does not name is ignored, as clients may send more than we read."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


AnyBody = TypeVar("AnyBody", bound=Body)


def parse(kind: type[AnyBody], body: bytes) -> AnyBody:
    """Parse a body.

    Raises:
        RequestError: 400 if it is not JSON in UTF-8, 422 if it has another form; its message quotes no text.
    """
    try:
        return kind.model_validate_json(body.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
    if faults[0]["type"] == "json_invalid":
        place = faults[0]["msg"].removeprefix("Invalid JSON: ")
        raise RequestError(400, f"the body is not JSON in UTF-8: {place}")
    shown = []
    for fault in faults[:_MOST_FAULTS]:
        place = ".".join(map(str, fault["loc"]))  # inputs.0.data
        shown.append(": ".join(filter(None, [place, fault["msg"].removeprefix("Value error, ")])))
    if len(faults) > _MOST_FAULTS:
        shown.append(f"and {len(faults) - _MOST_FAULTS} more")
    raise RequestError(422, f"the body has another form than it should: {'; '.join(shown)}")
