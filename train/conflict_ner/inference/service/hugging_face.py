"""The token-classification task of the Hugging Face inference API: `POST /` with inputs and parameters.

`huggingface_hub.InferenceClient(base_url).token_classification(text)` sends and reads it. As in the API, a string is
answered with its entities and a list of strings with a list for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from conflict_ner.data.document import Entity
from conflict_ner.inference.service.bodies import Body, Model
from conflict_ner.inference.service.limits import RequestError


class Parameters(Body):
    """What the API calls parameters. Its `stride` is ignored: long texts always get overlapping windows."""

    aggregation_strategy: Literal["none", "simple", "first", "average", "max"] | None = Field(
        None, description="Entities are whole ones always; none, which asks for tokens, is refused."
    )
    ignore_labels: list[str] | None = Field(None, description="Labels to leave out.")


class InferenceRequest(Body):
    """A request of the token-classification task."""

    inputs: str | list[str] = Field(description="A text, or several.")
    parameters: Parameters | None = None

    @property
    def wanted(self) -> Sequence[str]:
        """See `Call.wanted`.

        Raises:
            RequestError: if tokens are wanted and not entities.
        """
        if self.parameters and self.parameters.aggregation_strategy == "none":
            raise RequestError(
                422, "aggregation_strategy none asks for tokens; this service has entities, so leave it out"
            )
        return [self.inputs] if isinstance(self.inputs, str) else self.inputs

    def answer(self, found: Sequence[Sequence[Entity]], model: Model) -> Any:
        """See `Call.answer`. The names of fields are the API's; offsets are code points, as in transformers."""
        ignored = set((self.parameters and self.parameters.ignore_labels) or ())
        answers = [
            [
                {
                    "entity_group": entity.label,
                    "score": entity.score,
                    "word": entity.text,
                    "start": entity.start,
                    "end": entity.end,
                }
                for entity in entities
                if entity.label not in ignored
            ]
            for entities in found
        ]
        return answers[0] if isinstance(self.inputs, str) else answers
