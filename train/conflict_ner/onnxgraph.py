"""An ONNX graph in which nodes are exchanged for others.

>>> Graph.__name__
'Graph'
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

MICROSOFT = "com.microsoft"  # the operators that ONNX Runtime adds to the standard's


class Graph:
    """A graph whose nodes are exchanged for others; nothing changes before `put_in_place`."""

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self.maker = {name: node for node in model.graph.node for name in node.output}
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

    def bias(self, node: NodeProto) -> tuple[str, NodeProto | None]:
        """The constant vector that is added to a node's output and to nothing else, and the node that adds it."""
        name = node.output[0]
        readers = [other for other in self.model.graph.node if name in other.input]
        if len(readers) == 1 and readers[0].op_type == "Add":
            for other in readers[0].input:
                if other in self.weights and len(self.weights[other].dims) == 1:
                    return other, readers[0]
        return "", None

    def put_in_place(self) -> None:
        """Write the new nodes and the constants that they use into the model."""
        from onnx import helper

        graph = self.model.graph
        nodes = [new for node in graph.node for new in self._stand_in.get(node.output[0], [node])]
        used = {name for node in nodes for name in node.input}
        constants = [tensor for name, tensor in self.weights.items() if name in used]
        for part, content in ((graph.node, nodes), (graph.initializer, constants), (graph.value_info, [])):
            kept = list(content)
            del part[:]
            part.extend(kept)
        if not any(known.domain == MICROSOFT for known in self.model.opset_import):
            self.model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
