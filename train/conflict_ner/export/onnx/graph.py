"""Rewrites ONNX graphs: finds nodes by what they read and compute, and replaces them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

MICROSOFT = "com.microsoft"  # the operators that ONNX Runtime adds to the standard's


def read_values(node: NodeProto) -> Iterator[str]:
    """Yield the names of the values that a node reads, including those that its branches read."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from read_values(inner)


class Graph:
    """A graph to which replacements of nodes are collected; the model changes with `apply_replacements`."""

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self.producers = {name: node for node in model.graph.node for name in node.output}
        self._readers: dict[str, list[NodeProto]] = {}
        for node in model.graph.node:
            for name in read_values(node):
                self._readers.setdefault(name, []).append(node)
        self._output_names = {value.name for value in model.graph.output}
        self._replacements: dict[str, list[NodeProto]] = {}  # by a node's first output

    def array(self, name: str) -> Any:
        """Return a constant's values."""
        from onnx import numpy_helper

        return numpy_helper.to_array(self.weights[name])

    def add_constant(self, name: str, values: Any) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        self.weights[name] = numpy_helper.from_array(np.asarray(values), name)
        return name

    def replace(self, node: NodeProto, new_nodes: Sequence[NodeProto]) -> None:
        """Replace a node by others; a second call puts its nodes before those of the first."""
        self._replacements[node.output[0]] = [*new_nodes, *self._replacements.get(node.output[0], [])]

    def attribute(self, node: NodeProto, name: str) -> Any:
        """Return an attribute's value; None if the node does not have it."""
        from onnx import helper

        return next((helper.get_attribute_value(known) for known in node.attribute if known.name == name), None)

    def sole_producer(self, name: str, op_type: str, **attributes: Any) -> NodeProto | None:
        """Return the node that computes a value; None if it does not match, or not exactly one node reads the value."""
        node = self.producers.get(name)
        is_read_once = len(self._readers.get(name, [])) == 1 and name not in self._output_names
        return node if node is not None and is_read_once and self._matches(node, op_type, attributes) else None

    def sole_reader(self, name: str, op_type: str, **attributes: Any) -> NodeProto | None:
        """Return the only node that reads a value; None if it does not match, or others read the value too."""
        readers = self._readers.get(name, [])
        is_read_once = len(readers) == 1 and name not in self._output_names
        return readers[0] if is_read_once and self._matches(readers[0], op_type, attributes) else None

    def _matches(self, node: NodeProto, op_type: str, attributes: Mapping[str, Any]) -> bool:
        return node.op_type == op_type and all(
            self.attribute(node, name) == value for name, value in attributes.items()
        )

    def bias(self, node: NodeProto) -> tuple[str, NodeProto | None]:
        """Return the name of the constant vector that is added to a node's output, and the node that adds it.

        An empty name and None if the output has another reader.
        """
        name = node.output[0]
        reader = self.sole_reader(name, "Add")
        for other in reader.input if reader is not None else ():
            if other in self.weights and len(self.weights[other].dims) == 1:
                return other, reader
        return "", None

    def apply_replacements(self) -> None:
        """Write the new nodes into the model, and leave out constants that no node reads any more."""
        from onnx import helper

        graph = self.model.graph
        nodes = [new_node for node in graph.node for new_node in self._replacements.get(node.output[0], [node])]
        used = {name for node in nodes for name in read_values(node)}
        constants = [tensor for name, tensor in self.weights.items() if name in used]
        for part, content in ((graph.node, nodes), (graph.initializer, constants), (graph.value_info, [])):
            copies = list(content)  # they may lie in the part that is cleared
            del part[:]
            part.extend(copies)
        if not any(opset.domain == MICROSOFT for opset in self.model.opset_import):
            self.model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
