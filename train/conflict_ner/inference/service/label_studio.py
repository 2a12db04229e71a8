"""An ML backend of Label Studio, which pre-labels tasks: `/setup` and `/predict`.

The project's labeling config says which field of a task holds the text and which labels there are. An entity gets its
own label, or the one that it is a kind of (NUMBER for NUMBER.killed); one whose label the project does not have is
left out. Offsets are code points, as in Label Studio's own results.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from xml.etree import ElementTree as ET

from pydantic import Field

from conflict_ner.data.document import Entity
from conflict_ner.data.label_levels import resolve_label
from conflict_ner.inference.service.bodies import Body, Model
from conflict_ner.inference.service.limits import RequestError

_DECLARATION = re.compile(r"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


class SetupRequest(Body):
    """What Label Studio sends when the backend is connected to a project."""

    labeling_config: str | None = Field(None, alias="schema")


class Task(Body):
    """A task to be labeled."""

    id: int | str | None = None
    data: dict[str, Any]


class PredictRequest(Body):
    """A request for predictions."""

    tasks: list[Task]
    label_config: str | None = None

    @cached_property
    def _tags(self) -> LabelingTags:
        if not self.label_config:
            raise RequestError(
                422, "label_config is missing: it says which field holds the text and which labels there are"
            )
        return labeling_tags(self.label_config)

    @property
    def wanted(self) -> Sequence[str]:
        """See `Call.wanted`.

        Raises:
            RequestError: if the config labels no text, or a task has none.
        """
        field, texts = self._tags.field, []
        for task in self.tasks:
            text = task.data.get(field)
            if not isinstance(text, str):
                raise RequestError(422, f"task {task.id} has no text in the field {field!r} that the config names")
            texts.append(text)
        return texts

    def answer(self, found: Sequence[Sequence[Entity]], model: Model) -> Any:
        """See `Call.answer`. A task's score is that of its least certain entity, so that one can sort by it."""
        return {"results": [self._prediction(entities, model) for entities in found], "model_version": model.version}

    def _prediction(self, entities: Sequence[Entity], model: Model) -> Any:
        labeled = [(entity, resolve_label(entity.label, self._tags.labels)) for entity in entities]
        result = [
            {
                "id": f"{model.version[:4]}-{entity.start}-{entity.end}",
                "from_name": self._tags.labels_name,
                "to_name": self._tags.text_name,
                "type": "labels",
                "value": {"start": entity.start, "end": entity.end, "text": entity.text, "labels": [label]},
                "score": round(entity.score, 4),
            }
            for entity, label in labeled
            if label is not None
        ]
        score = min((entity.score for entity, label in labeled if label is not None), default=1.0)
        return {"result": result, "score": round(score, 4), "model_version": model.version}


@dataclass(frozen=True, slots=True)
class LabelingTags:
    """What a labeling config says of the labels of its text.

    labels_name, text_name: of the tags `Labels` and `Text`.
    field: of a task's data, the text's.
    """

    labels_name: str
    text_name: str
    field: str
    labels: tuple[str, ...]


@lru_cache(maxsize=16)  # every request carries the project's config
def labeling_tags(config: str) -> LabelingTags:
    """Read a labeling config.

    Raises:
        RequestError: 422 if it is not XML, or has no `Labels` for a `Text`.
    """
    if _DECLARATION.search(config):
        raise RequestError(422, "label_config declares a document type or entities, which is refused")
    try:
        root = ET.fromstring(config)  # noqa: S314 - it declares no entities
    except ET.ParseError as error:
        raise RequestError(422, f"label_config is not XML: {error}") from None
    texts = {tag.get("name"): tag.get("value", "") for tag in root.iter("Text")}
    for labels in root.iter("Labels"):
        name, to_name = labels.get("name"), labels.get("toName")
        if name and to_name and texts.get(to_name, "").startswith("$"):
            values = (label.get("value") for label in labels.iter("Label"))
            return LabelingTags(name, to_name, texts[to_name][1:], tuple(filter(None, values)))
    raise RequestError(422, 'label_config has no <Labels name=... toName=...> for a <Text name=... value="$...">')
