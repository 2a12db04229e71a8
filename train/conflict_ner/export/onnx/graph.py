"""An ONNX graph in which nodes are exchanged for others.

>>> Graph.__name__
'Graph'
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

MICROSOFT = "com.microsoft"  # the operators that ONNX Runtime adds to the standard's


def inputs(node: NodeProto) -> Iterator[str]:
    """The values that a node reads, also those that its branches read from outside."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from inputs(inner)


class Graph:
    """A graph whose nodes are exchanged for others; nothing changes before `put_in_place`."""

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self.maker = {name: node for node in model.graph.node for name in node.output}
        self._readers: dict[str, list[NodeProto]] = {}
        for node in model.graph.node:
            for name in inputs(node):
                self._readers.setdefault(name, []).append(node)
        self._results = {value.name for value in model.graph.output}
        self._stand_in: dict[str, list[NodeProto]] = {}  # by a node's first output

    def array(self, name: str) -> Any:
        """A constant's values."""
        from onnx import numpy_helper

        return numpy_helper.to_array(self.weights[name])

    def constant(self, name: str, values: Any) -> str:
        """Add a constant; gives its name."""
        from onnx import numpy_helper

        self.weights[name] = numpy_helper.from_array(np.asarray(values), name)
        return name

    def exchange(self, node: NodeProto, others: Sequence[NodeProto]) -> None:
        """Put other nodes where a node stands, or before those that stand in for it already."""
        self._stand_in[node.output[0]] = [*others, *self._stand_in.get(node.output[0], [])]

    def attribute(self, node: NodeProto, name: str) -> Any:
        """An attribute's value; None if the node does not say it."""
        from onnx import helper

        return next((helper.get_attribute_value(said) for said in node.attribute if said.name == name), None)

    def made_by(self, name: str, kind: str, **attributes: Any) -> NodeProto | None:
        """The node of a kind that makes a value for one reader; None if it is made or read otherwise."""
        node = self.maker.get(name)
        alone = len(self._readers.get(name, [])) == 1 and name not in self._results
        return node if node is not None and alone and self._is(node, kind, attributes) else None

    def only_reader(self, name: str, kind: str, **attributes: Any) -> NodeProto | None:
        """The node of a kind that alone reads a value; None if it is read otherwise."""
        readers = self._readers.get(name, [])
        alone = len(readers) == 1 and name not in self._results
        return readers[0] if alone and self._is(readers[0], kind, attributes) else None

    def _is(self, node: NodeProto, kind: str, attributes: Mapping[str, Any]) -> bool:
        return node.op_type == kind and all(self.attribute(node, name) == value for name, value in attributes.items())

    def bias(self, node: NodeProto) -> tuple[str, NodeProto | None]:
        """The constant vector that is added to a node's output and to nothing else, and the node that adds it."""
        name = node.output[0]
        reader = self.only_reader(name, "Add")
        for other in reader.input if reader is not None else ():
            if other in self.weights and len(self.weights[other].dims) == 1:
                return other, reader
        return "", None

    def put_in_place(self) -> None:
        """Write the new nodes and the constants that they use into the model."""
        from onnx import helper

        graph = self.model.graph
        nodes = [new for node in graph.node for new in self._stand_in.get(node.output[0], [node])]
        used = {name for node in nodes for name in inputs(node)}
        constants = [tensor for name, tensor in self.weights.items() if name in used]
        for part, content in ((graph.node, nodes), (graph.initializer, constants), (graph.value_info, [])):
            kept = list(content)
            del part[:]
            part.extend(kept)
        if not any(known.domain == MICROSOFT for known in self.model.opset_import):
            self.model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
