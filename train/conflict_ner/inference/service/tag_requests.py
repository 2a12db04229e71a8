"""Our own requests: `POST /tag` with one text or many.

>>> call = parse(TagRequest, b'{"text": "Rebels left."}')
>>> list(call.wanted)
['Rebels left.']
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from conflict_ner.data.document import Entity
from conflict_ner.inference.service.bodies import Body, Model, parse

__all__ = ["TagRequest", "parse"]


class TagRequest(Body):
    """One text, or a list of texts."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    text: str | None = Field(None, description="One text. The answer has its entities.")
    texts: list[str] | None = Field(None, description="Several texts. The answer has a report for each, in order.")

    @model_validator(mode="after")
    def _has_one_of_both(self) -> Self:
        if (self.text is None) == (self.texts is None):
            raise ValueError('give either "text", a string, or "texts", a list of strings')
        return self

    @property
    def wanted(self) -> Sequence[str]:
        """See `Call.wanted`."""
        return [self.text] if self.text is not None else self.texts or []

    def answer(self, found: Sequence[Sequence[Entity]], model: Model) -> Any:
        """See `Call.answer`."""
        reports = [{"entities": [model.layout.entity_row(entity) for entity in entities]} for entities in found]
        head = {"model": model.name, "version": model.version}
        return head | (reports[0] if self.text is not None else {"reports": reports})
