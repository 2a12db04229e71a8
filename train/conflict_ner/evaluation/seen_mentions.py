"""Hashes of the mentions and texts that a model was trained on: enough to tell a seen name from an unseen one.

Holds hashes of the labeled surface forms and of the whole texts. Nobody can read a text from them,
but a guess can be checked: whoever suspects that a name was in the training data can find out.

>>> from conflict_ner.data.document import Mention
>>> seen = SeenMentions.of([Document("r", "Rebels left.", (Mention(0, 6, "ACTOR"),))])
>>> seen.knows("ACTOR", "Rebels"), seen.knows("ACTOR", "rebels"), seen.knows_lower("ACTOR", "REBELS")
(True, False, True)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from conflict_ner.data.document import Document
from conflict_ner.data.label_levels import first_level

_HASH_BYTES = 8  # among a million forms the odds of a false match are one in ten million


class SeenMentions(BaseModel):
    """Hashes of the mentions and texts that a model was trained on, and of the texts that its epoch was chosen by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    forms: frozenset[str]
    lower_forms: frozenset[str]
    texts: frozenset[str]

    @classmethod
    def of(cls, train: Sequence[Document], validation: Sequence[Document] = ()) -> SeenMentions:
        """Hash the mentions of `train`, with each level of their labels, and the texts of `train` and `validation`."""
        mentions = [
            (label, document.slice(mention))
            for document in train
            for mention in document.mentions
            for label in dict.fromkeys((mention.label, first_level(mention.label)))
        ]
        return cls(
            forms=_hashes("\t".join(mention) for mention in mentions),
            lower_forms=_hashes(f"{label}\t{form.lower()}" for label, form in mentions),
            texts=_hashes(_normalize(document.text) for document in (*train, *validation)),
        )

    def union(self, *others: SeenMentions) -> SeenMentions:
        """Return all that any of them holds: what a model has seen that began with another one's weights."""
        memories = (self, *others)
        return SeenMentions(
            forms=frozenset().union(*(memory.forms for memory in memories)),
            lower_forms=frozenset().union(*(memory.lower_forms for memory in memories)),
            texts=frozenset().union(*(memory.texts for memory in memories)),
        )

    def dump(self) -> str:
        """Return sorted JSON: the same training gives the same file."""
        return json.dumps({name: sorted(hashes) for name, hashes in self}) + "\n"

    def knows(self, label: str, form: str) -> bool:
        """Whether training had a mention with this label and exactly this spelling."""
        return _hash(f"{label}\t{form}") in self.forms

    def knows_lower(self, label: str, form: str) -> bool:
        """Whether training had a mention with this label and this spelling, ignoring case."""
        return _hash(f"{label}\t{form.lower()}") in self.lower_forms

    def knows_text(self, text: str) -> bool:
        """Whether the whole text was in training or validation, ignoring case and spacing."""
        return _hash(_normalize(text)) in self.texts


def _normalize(text: str) -> str:
    return " ".join(text.lower().split())


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_HASH_BYTES).hexdigest()


def _hashes(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_hash, texts))
