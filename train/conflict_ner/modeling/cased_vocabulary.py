"""Extend an uncased encoder so that it distinguishes capitals, without more tokens in a text.

`Kivu Security` and `kivu security` are the same to an uncased encoder, although a capital is the
best sign of a name. Here the vocabulary gets the capitalized and the upper-case form of every
piece, and the tokenizer no longer lowercases: texts are split as before, but each piece now shows
its case. The embedding of a new piece starts as that of the lower-case piece, plus a random
direction that all capitalized (all upper-case) pieces share: what fine-tuning learns about that
direction also holds for names that it never sees. Where embeddings are trained, all cases of a piece are trained
together (`layers.share_embeddings_of_cases`). The result is a plain encoder with a plain tokenizer.

>>> list(case_variants("kivu")), list(case_variants("##vu")), list(case_variants("42"))
([('Kivu', 1), ('KIVU', 2)], [('##VU', 2)], [])

So a table of embeddings is that of two small ones, in training and in exports. The form is found in the weights:

>>> table = np.array([[1.0, 2.0], [5.0, 1.0], [1.5, 2.0], [5.5, 1.0]], dtype=np.float32)
>>> factored = factor_table(table, {"kivu": 0, "goma": 1, "Kivu": 2, "Goma": 3}, EXACT)
>>> factored.rows.tolist(), factored.row_indices.tolist(), factored.direction_indices.tolist()
([[1.0, 2.0], [5.0, 1.0]], [0, 1, 0, 1], [0, 0, 1, 1])
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Float32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

CAPITALIZED, UPPER = 1, 2
# Scale of the shared directions, in standard deviations of the encoder's embeddings: large
# enough to be noticed from the first step on, small enough to keep the meaning of a word.
_DIRECTION_SCALE = 0.5
# How far a sum may be from the row that it replaces, as a share of the row's largest value.
EXACT = 1e-4  # for fp32: a thousand steps of weight decay, each rounded, stay below it
ROUNDED = 1e-3  # for 8 bits: a quarter of what rounding to them changes, 1 / 254
_MAX_STORED = 0.9  # share of the rows; a table of which more must be stored is left as it is
_CONTINUATION = "##"  # WordPiece's prefix of a piece that does not begin a word


@dataclass(frozen=True, slots=True)
class CasedTokenizer:
    """A tokenizer that keeps capitals, and the lower-case pieces that its new pieces come from.

    origins: for each new piece, in order of their ids, the id of its lower-case piece.
    cases: for each new piece, CAPITALIZED or UPPER.
    """

    tokenizer: PreTrainedTokenizerFast
    origins: tuple[int, ...]
    cases: tuple[int, ...]


def split_continuation(piece: str) -> tuple[str, str]:
    """Split WordPiece's prefix from a piece that continues a word; the prefix is "" if the piece begins one.

    >>> split_continuation("##vu"), split_continuation("kivu"), split_continuation("##")
    (('##', 'vu'), ('', 'kivu'), ('', '##'))
    """
    letters = piece.removeprefix(_CONTINUATION)
    return (_CONTINUATION, letters) if letters and letters != piece else ("", piece)


def case_variants(piece: str) -> Iterator[tuple[str, int]]:
    """Yield the capitalized and upper-case variants of a lower-case piece, each with CAPITALIZED or UPPER.

    A piece that continues a word has no capitalized variant.
    """
    prefix, letters = split_continuation(piece)
    seen = {letters}
    for variant, case in ((letters[:1].upper() + letters[1:], CAPITALIZED), (letters.upper(), UPPER)):
        # A continuation of one letter is upper case too: `##k` begins the second half of `McKay`.
        if variant not in seen and len(variant) == len(letters) and not (prefix and case == CAPITALIZED):
            yield prefix + variant, case
            seen.add(variant)


def build_cased_tokenizer(tokenizer: PreTrainedTokenizerFast) -> CasedTokenizer | None:
    """Return a copy of a tokenizer that keeps capitals; None if it is cased already or no WordPiece tokenizer."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    settings: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    normalizer = settings["normalizer"] or {}
    if settings["model"]["type"] != "WordPiece" or not normalizer.get("lowercase"):
        return None
    # If strip_accents is null, accents are stripped exactly if the text is lowercased.
    settings["normalizer"] = {
        **normalizer,
        "lowercase": False,
        "strip_accents": normalizer["strip_accents"] is not False,
    }
    vocabulary: dict[str, int] = settings["model"]["vocab"]
    special = {token["content"] for token in settings["added_tokens"]}
    first = len(tokenizer)
    origins: list[int] = []
    cases: list[int] = []
    for piece, index in sorted(vocabulary.items(), key=lambda item: item[1]):
        for variant, case in case_variants(piece) if piece not in special and not piece.startswith("[") else ():
            if variant not in vocabulary:
                vocabulary[variant] = first + len(origins)
                origins.append(index)
                cases.append(case)
    cased = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(settings)),
        model_max_length=tokenizer.model_max_length,
        model_input_names=tokenizer.model_input_names,
        **tokenizer.special_tokens_map,
    )
    return CasedTokenizer(cased, tuple(origins), tuple(cases))


def add_cased_embeddings(model: PreTrainedModel, cased: CasedTokenizer) -> None:
    """Add the embeddings of the new pieces to the model; they are random, so set a seed before."""
    import torch

    embeddings: Any = model.get_input_embeddings()
    old = embeddings.weight.detach().clone()
    first = len(cased.tokenizer) - len(cased.origins)
    model.resize_token_embeddings(len(cased.tokenizer), mean_resizing=False)
    directions = torch.randn(2, old.shape[1]) * old.std() * _DIRECTION_SCALE
    embeddings = model.get_input_embeddings()
    with torch.no_grad():
        cases = torch.tensor(cased.cases) - CAPITALIZED
        embeddings.weight[first:] = old[list(cased.origins)] + directions[cases]


class FactoredTable(NamedTuple):
    """A table as sums: row i is `rows[row_indices[i]] + directions[direction_indices[i]]`; direction 0 is zero."""

    rows: Float32
    directions: Float32
    row_indices: npt.NDArray[np.unsignedinteger[Any]]
    direction_indices: npt.NDArray[np.uint8]


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
