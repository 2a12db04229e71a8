"""Stores the word embeddings of an ONNX graph in less space: those of capitals as sums, and none that no text needs.

`modeling.cased_vocabulary` starts the embedding of each capitalized (upper-case) piece as that of its lower-case
piece plus a direction that all such pieces share. Where training has left that form as it was, the sum of two small
tables replaces the whole table: the rows that must be stored, and the shared directions. An index for each piece says
which row and which direction it takes. A piece whose row has left the form keeps a row of its own, so any table is
stored right, and that of an encoder without such pieces is left as it is.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from conflict_ner.export.onnx.graph import Graph
from conflict_ner.inference.onnx_runtime import INPUTS
from conflict_ner.modeling.cased_vocabulary import FactoredTable, factor_table, split_continuation

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto
    from tokenizers import Tokenizer

_MATRIX = 2  # dimensions
_SPECIAL = re.compile(r"\[(?!unused\d+\]).+\]")  # as [UNK]; BERT's vocabularies also have [unused0] to [unused993]


def factor_embeddings(model: ModelProto, tokenizer: Tokenizer, tolerance: float) -> int:
    """Change a graph so that it computes the embeddings of pieces with capitals as sums of two rows.

    Args:
        model: changed in place.
        tokenizer: of the encoder.
        tolerance: `EXACT` or `ROUNDED` of `modeling.cased_vocabulary`.

    Returns:
        The number of rows that the graph no longer holds.
    """
    vocabulary, unused = tokenizer.get_vocab(), unused_pieces(tokenizer)
    graph = Graph(model)
    saved = 0
    for node in model.graph.node:
        table, indices = [*node.input, "", ""][:2]
        is_lookup = node.op_type == "Gather" and indices == INPUTS[0] and not graph.attribute(node, "axis")
        if not is_lookup or table not in graph.weights or len(graph.weights[table].dims) != _MATRIX:
            continue
        values = graph.array(table)
        factored = factor_table(values, vocabulary, tolerance, unused)
        if factored is not None:
            graph.replace(node, _sum_of_lookups(graph, node, factored))
            saved += len(values) - len(factored.rows)
    if saved:
        graph.apply_replacements()
    return saved


def unused_pieces(tokenizer: Tokenizer) -> list[int]:
    """Return the ids of pieces that a BERT tokenizer cannot yield: no word that it splits texts into contains them.

    They are `[unused0]` and so on, and continuations of characters that are always words of their own, such as `##)`.
    Empty for other tokenizers.
    """
    settings: dict[str, Any] = json.loads(tokenizer.to_str())
    types = [(settings[part] or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")]
    if types != ["BertNormalizer", "BertPreTokenizer", "WordPiece"]:
        return []
    kept = {token["content"] for token in settings["added_tokens"]} | {settings["model"]["unk_token"]}
    unused = []
    for piece, index in tokenizer.get_vocab().items():
        prefix, letters = split_continuation(piece)
        word = "a" + letters if prefix else piece
        # Both steps look at each character by itself, so what they change or split here they do in every text.
        words = tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(word))
        if piece not in kept and not _SPECIAL.fullmatch(piece) and [part for part, _ in words] != [word]:
            unused.append(index)
    return unused


def _sum_of_lookups(graph: Graph, node: NodeProto, factored: FactoredTable) -> list[NodeProto]:
    """Return the nodes that compute what a lookup in the whole table did."""
    from onnx import TensorProto, helper

    (table, ids), result = node.input, node.output[0]
    nodes = []
    parts = {
        "row": (factored.rows, factored.row_indices),
        "direction": (factored.directions, factored.direction_indices),
    }
    for name, (values, indices) in parts.items():
        stored = graph.add_constant(f"{table}/{name}s", values)
        index = graph.add_constant(f"{table}/{name}_indices", indices)
        nodes += [
            helper.make_node("Gather", [index, ids], [f"{result}/{name}_index"]),
            # a lookup takes no smaller integers
            helper.make_node("Cast", [f"{result}/{name}_index"], [f"{result}/{name}_int64"], to=TensorProto.INT64),
            helper.make_node("Gather", [stored, f"{result}/{name}_int64"], [f"{result}/{name}"]),
        ]
    return [*nodes, helper.make_node("Add", [f"{result}/row", f"{result}/direction"], [result])]
