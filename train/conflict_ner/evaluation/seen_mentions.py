"""What training has seen, without its text: enough to tell a seen name from an unseen one.

Holds hashes of the labeled surface forms and of the whole texts. They keep a text from being
read, not a guess from being checked: who supposes that a name stood in training can find out.

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

_BYTES = 8  # of a hash: among a million forms a false match has odds of one in ten million


class SeenMentions(BaseModel):
    """Hashes of what a model was trained on (and of the texts that chose its epoch)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    forms: frozenset[str]
    lower_forms: frozenset[str]
    texts: frozenset[str]

    @classmethod
    def of(cls, train: Sequence[Document], validation: Sequence[Document] = ()) -> SeenMentions:
        """Remember mentions and texts of `train`, and the texts of `validation`."""
        mentions = [(m.label, document.slice(m)) for document in train for m in document.mentions]
        return cls(
            forms=_hashes("\t".join(mention) for mention in mentions),
            lower_forms=_hashes(f"{label}\t{form.lower()}" for label, form in mentions),
            texts=_hashes(_normal(document.text) for document in (*train, *validation)),
        )

    def dump(self) -> str:
        """JSON, sorted: the same training gives the same file."""
        return json.dumps({name: sorted(hashes) for name, hashes in self}) + "\n"

    def knows(self, label: str, form: str) -> bool:
        """Whether a mention with this label was written exactly so in training."""
        return _hash(f"{label}\t{form}") in self.forms

    def knows_lower(self, label: str, form: str) -> bool:
        """The same, whatever the capitals."""
        return _hash(f"{label}\t{form.lower()}") in self.lower_forms

    def knows_text(self, text: str) -> bool:
        """Whether the whole text stood in training or validation, whatever its spaces and capitals."""
        return _hash(_normal(text)) in self.texts


def _normal(text: str) -> str:
    return " ".join(text.lower().split())


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_BYTES).hexdigest()


def _hashes(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_hash, texts))
