"""Teaches an uncased encoder capitals, without a token more.

`Kivu Security` and `kivu security` are the same to an uncased encoder, though a capital is the
best mark of a name. Here the vocabulary gets the capitalised and the upper-case form of every
piece, and the tokenizer stops lowering: texts are cut as before, only that a piece now says how
it was written. A new piece begins as what the encoder knows of the lower-case one, plus a random
direction that all capitalised (all upper-case) pieces share: what fine-tuning learns of that
direction holds for names it never sees. What comes out is a plain encoder with a plain tokenizer.

>>> [(form, way) for form, way in forms("kivu")], list(forms("##vu")), list(forms("42"))
([('Kivu', 1), ('KIVU', 2)], [('##VU', 2)], [])
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

CAPITALISED, UPPER = 1, 2
# The shared directions are this long, in standard deviations of the encoder's embeddings: long
# enough to be read from the first step on, short enough to leave a word what it is.
_STRENGTH = 0.5
_CONTINUES = "##"  # WordPiece's mark of a piece that does not begin a word


@dataclass(frozen=True, slots=True)
class Capitals:
    """A tokenizer that keeps capitals, and what its new pieces are made from.

    origins: for each new piece, in order of their ids, the id of its lower-case form.
    ways: for each new piece, CAPITALISED or UPPER.
    """

    tokenizer: PreTrainedTokenizerFast
    origins: tuple[int, ...]
    ways: tuple[int, ...]


def forms(piece: str) -> Iterator[tuple[str, int]]:
    """The other ways to write a lower-case piece; a rest of a word only wholly in capitals."""
    rest = piece.startswith(_CONTINUES) and len(piece) > len(_CONTINUES)
    start, body = (_CONTINUES, piece[len(_CONTINUES) :]) if rest else ("", piece)
    seen = {body}
    for form, way in ((body[:1].upper() + body[1:], CAPITALISED), (body.upper(), UPPER)):
        # Of a rest only one letter is both: `##k` begins the second half of `McKay`.
        if form not in seen and len(form) == len(body) and not (rest and way == CAPITALISED):
            yield start + form, way
            seen.add(form)


def with_capitals(tokenizer: PreTrainedTokenizerFast) -> Capitals | None:
    """The tokenizer with capitals; None for one that has them, or that is no lowering WordPiece."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    written: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    normalizer = written["normalizer"] or {}
    if written["model"]["type"] != "WordPiece" or not normalizer.get("lowercase"):
        return None
    # Not said, accents are stripped exactly where capitals are lowered.
    written["normalizer"] = {
        **normalizer,
        "lowercase": False,
        "strip_accents": normalizer["strip_accents"] is not False,
    }
    vocabulary: dict[str, int] = written["model"]["vocab"]
    special = {token["content"] for token in written["added_tokens"]}
    first = len(tokenizer)
    origins: list[int] = []
    ways: list[int] = []
    for piece, index in sorted(vocabulary.items(), key=lambda item: item[1]):
        for form, way in forms(piece) if piece not in special and not piece.startswith("[") else ():
            if form not in vocabulary:
                vocabulary[form] = first + len(origins)
                origins.append(index)
                ways.append(way)
    cased = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(written)),
        model_max_length=tokenizer.model_max_length,
        model_input_names=tokenizer.model_input_names,
        **tokenizer.special_tokens_map,
    )
    return Capitals(cased, tuple(origins), tuple(ways))


def add_cased_embeddings(model: PreTrainedModel, capitals: Capitals) -> None:
    """Give the model the new pieces' embeddings; random, so seed before."""
    import torch

    embeddings: Any = model.get_input_embeddings()
    old = embeddings.weight.detach().clone()
    first = len(capitals.tokenizer) - len(capitals.origins)
    model.resize_token_embeddings(len(capitals.tokenizer), mean_resizing=False)
    directions = torch.randn(2, old.shape[1]) * old.std() * _STRENGTH
    embeddings = model.get_input_embeddings()
    with torch.no_grad():
        ways = torch.tensor(capitals.ways) - CAPITALISED
        embeddings.weight[first:] = old[list(capitals.origins)] + directions[ways]
