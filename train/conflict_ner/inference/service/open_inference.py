"""The Open Inference Protocol, version 2, which KServe, Triton and MLServer speak: `/v2/models/NAME/infer`.

The input is one tensor of texts (`BYTES`, which in JSON are strings). The output is a tensor of as many strings, each a
JSON list of the text's entities: a tensor cannot hold lists of different lengths.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from pydantic import Field

from conflict_ner.data.document import Entity
from conflict_ner.inference.service.bodies import Body, Model
from conflict_ner.inference.service.limits import RequestError

INPUT, OUTPUT = "text", "entities"  # the names of the tensors
_TEXTS = "BYTES"  # the type of strings


class RequestInput(Body):
    """A tensor; nested lists are read row by row, as the protocol demands."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class RequestOutput(Body):
    """A tensor that is wanted."""

    name: str


class InferRequest(Body):
    """A request for inference."""

    id: str | None = None
    inputs: list[RequestInput] = Field(description=f"One tensor: texts, of the type {_TEXTS}.")
    outputs: list[RequestOutput] | None = None

    @property
    def wanted(self) -> Sequence[str]:
        """See `Call.wanted`.

        Raises:
            RequestError: if there is another tensor than one of texts, or another output is wanted.
        """
        if len(self.inputs) != 1:
            raise RequestError(422, f"inputs must hold one tensor, of texts, not {len(self.inputs)}")
        [tensor] = self.inputs
        if tensor.datatype != _TEXTS:
            raise RequestError(422, f"inputs.0.datatype is {_TEXTS} for texts; this tensor has another one")
        texts = _flat(tensor.data)
        if not all(isinstance(text, str) for text in texts):
            raise RequestError(422, "inputs.0.data must hold strings")
        if any(size < 0 for size in tensor.shape) or prod(tensor.shape) != len(texts):
            raise RequestError(422, f"inputs.0.shape is not that of the {len(texts)} texts in inputs.0.data")
        if any(output.name != OUTPUT for output in self.outputs or ()):
            raise RequestError(422, f"the only output is {OUTPUT}")
        return texts

    def answer(self, found: Sequence[Sequence[Entity]], model: Model) -> Any:
        """See `Call.answer`."""
        rows = [[model.layout.entity_row(entity) for entity in entities] for entities in found]
        data = [json.dumps(row, ensure_ascii=False) for row in rows]
        output = {"name": OUTPUT, "datatype": _TEXTS, "shape": self.inputs[0].shape, "data": data}
        head = {"model_name": model.name, "model_version": model.version}
        return head | ({"id": self.id} if self.id is not None else {}) | {"outputs": [output]}


def _flat(data: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for each in data:
        flat.extend(_flat(each) if isinstance(each, list) else [each])
    return flat


def package_version() -> str:
    """Return this package's version. To import it would be to import the public names, which stand above this room."""
    return str(vars(sys.modules[__name__.partition(".")[0]])["__version__"])


def server_metadata() -> Mapping[str, Any]:
    """Return what `/v2` says of the server."""
    return {"name": "conflict-ner", "version": package_version(), "extensions": []}


def model_metadata(model: Model) -> Mapping[str, Any]:
    """Return what `/v2/models/NAME` says of the model."""
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": "conflict-ner",
        "inputs": [{"name": INPUT, "datatype": _TEXTS, "shape": [-1]}],
        "outputs": [{"name": OUTPUT, "datatype": _TEXTS, "shape": [-1]}],
    }


def check_model(model: Model, name: str, version: str | None = None) -> None:
    """Refuse the name or the version of another model.

    Raises:
        RequestError: 404, with the name that there is.
    """
    if name != model.name:
        raise RequestError(404, f"there is no model of this name; the model is {model.name}")
    if version is not None and version != model.version:
        raise RequestError(404, f"there is no such version of {model.name}; the version is {model.version}")
