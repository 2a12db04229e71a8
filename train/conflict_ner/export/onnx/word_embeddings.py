"""Stores the word embeddings of an ONNX graph in less space: those of capitals as sums, and none that no text needs.

`modeling.cased_vocabulary` starts the embedding of each capitalized (upper-case) piece as that of its lower-case
piece plus a direction that all such pieces share. Where training has left that form as it was, the sum of two small
tables replaces the whole table: the rows that must be stored, and the shared directions. An index for each piece says
which row and which direction it takes. A piece whose row has left the form keeps a row of its own, so any table is
stored right, and that of an encoder without such pieces is left as it is.

The form is found in the weights themselves. With frozen embeddings every piece has it. In full training only the
pieces of training texts leave it: weight decay shrinks all others, and so the directions between them, by one factor.

>>> table = np.array([[1.0, 2.0], [5.0, 1.0], [1.5, 2.0], [5.5, 1.0]], dtype=np.float32)
>>> factored = factor_table(table, {"kivu": 0, "goma": 1, "Kivu": 2, "Goma": 3}, EXACT)
>>> factored.rows.tolist(), factored.row_indices.tolist(), factored.direction_indices.tolist()
([[1.0, 2.0], [5.0, 1.0]], [0, 1, 0, 1], [0, 0, 1, 1])
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from conflict_ner.export.onnx.graph import Graph
from conflict_ner.inference.onnx_runtime import INPUTS
from conflict_ner.modeling.cased_vocabulary import CAPITALIZED, UPPER, case_variants, split_continuation

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto
    from tokenizers import Tokenizer

Float32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# How far a sum may be from the row that it replaces, as a share of the row's largest value.
EXACT = 1e-4  # for fp32: a thousand steps of weight decay, each rounded, stay below it
ROUNDED = 1e-3  # for 8 bits: a quarter of what rounding to them changes, 1 / 254
_MAX_STORED = 0.9  # share of the rows; a table of which more must be stored is left as it is
_MATRIX = 2  # dimensions
_SPECIAL = re.compile(r"\[(?!unused\d+\]).+\]")  # as [UNK]; BERT's vocabularies also have [unused0] to [unused993]


class FactoredTable(NamedTuple):
    """A table as sums: row i is `rows[row_indices[i]] + directions[direction_indices[i]]`; direction 0 is zero."""

    rows: Float32
    directions: Float32
    row_indices: npt.NDArray[np.unsignedinteger[Any]]
    direction_indices: npt.NDArray[np.uint8]


def factor_embeddings(model: ModelProto, tokenizer: Tokenizer, tolerance: float) -> int:
    """Change a graph so that it computes the embeddings of pieces with capitals as sums of two rows.

    Args:
        model: changed in place.
        tokenizer: of the encoder.
        tolerance: see `EXACT` and `ROUNDED`.

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


def factor_table(
    table: Float32, vocabulary: Mapping[str, int], tolerance: float, unused: Collection[int] = ()
) -> FactoredTable | None:
    """Write a table of word embeddings as sums; None if few of its rows have that form.

    Args:
        table: shape (rows, channels).
        vocabulary: the id of each piece.
        tolerance: see `EXACT` and `ROUNDED`.
        unused: ids of pieces that no text has; they get the row of another piece.
    """
    row_indices, direction_indices = np.arange(len(table)), np.zeros(len(table), dtype=np.uint8)
    is_stored = np.ones(len(table), dtype=np.bool_)
    directions = [np.zeros(table.shape[1], dtype=np.float32)]
    largest = np.abs(table).max(1)
    for pieces, origins in _relations(vocabulary, len(table)):
        direction = _shared_direction(table, pieces, origins)
        error = np.abs(table[origins] + direction - table[pieces]).max(1)
        fits = (error <= tolerance * largest[pieces]) & is_stored[pieces] & is_stored[origins]
        is_stored[pieces[fits]] = False
        row_indices[pieces[fits]], direction_indices[pieces[fits]] = origins[fits], len(directions)
        directions.append(direction)
    is_needed = np.ones(len(table), dtype=np.bool_)
    is_needed[[index for index in unused if index < len(table)]] = False
    is_needed[row_indices[~is_stored]] = True  # others are computed from it
    row_indices[~is_needed] = np.argmax(is_stored & is_needed)
    is_stored &= is_needed
    if is_stored.mean() > _MAX_STORED:
        return None
    new_indices = (np.cumsum(is_stored) - 1)[row_indices]
    smallest = np.uint16 if is_stored.sum() <= np.iinfo(np.uint16).max + 1 else np.uint32
    return FactoredTable(table[is_stored], np.array(directions), new_indices.astype(smallest), direction_indices)


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


def _relations(vocabulary: Mapping[str, int], size: int) -> list[tuple[Ints, Ints]]:
    """Return pairs of pieces whose rows may differ by a shared direction: ids of the pieces, and of their origins.

    Capitalized and upper-case pieces from lower-case ones, then upper-case ones from capitalized ones: these two
    still have the form where the lower-case piece alone was trained.
    """
    origins: dict[int, dict[int, int]] = {CAPITALIZED: {}, UPPER: {}}
    from_capitalized: dict[int, int] = {}
    for piece, index in sorted(vocabulary.items(), key=lambda item: item[1]):
        variants = {case: vocabulary.get(variant, size) for variant, case in case_variants(piece)}
        if piece != piece.lower() or index >= size:
            continue
        for case, variant in variants.items():
            if variant < size:
                origins[case].setdefault(variant, index)  # of two with the same variant, the first, as in training
        if max(variants.get(CAPITALIZED, size), variants.get(UPPER, size)) < size:
            from_capitalized.setdefault(variants[UPPER], variants[CAPITALIZED])
    related = [pairs for pairs in (*origins.values(), from_capitalized) if pairs]
    return [(np.array(list(pairs)), np.array(list(pairs.values()))) for pairs in related]


def _shared_direction(table: Float32, pieces: Ints, origins: Ints) -> Float32:
    """Return the median difference of rows, which the rows that have left the form do not move.

    With frozen embeddings it is the direction that was once added, to within the rounding of a sum in fp32.
    """
    differences = table[pieces].astype(np.float64) - table[origins]
    direction: Float32 = np.median(differences, axis=0).astype(np.float32)
    return direction


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
