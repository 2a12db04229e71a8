"""Extend an uncased encoder so that it distinguishes capitals, without more tokens in a text.

`Kivu Security` and `kivu security` are the same to an uncased encoder, although a capital is the
best sign of a name. Here the vocabulary gets the capitalized and the upper-case form of every
piece, and the tokenizer no longer lowercases: texts are split as before, but each piece now shows
its case. The embedding of a new piece starts as that of the lower-case piece, plus a random
direction that all capitalized (all upper-case) pieces share: what fine-tuning learns about that
direction also holds for names that it never sees. The result is a plain encoder with a plain tokenizer.

>>> list(case_variants("kivu")), list(case_variants("##vu")), list(case_variants("42"))
([('Kivu', 1), ('KIVU', 2)], [('##VU', 2)], [])
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

CAPITALIZED, UPPER = 1, 2
# Scale of the shared directions, in standard deviations of the encoder's embeddings: large
# enough to be noticed from the first step on, small enough to keep the meaning of a word.
_DIRECTION_SCALE = 0.5
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
