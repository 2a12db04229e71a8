"""Screens reports before they are tagged: repeated ids, scripts unknown to the model, texts too long for Excel.

The first two are counted and the first of each is kept for a message. Options make ids unique and leave such texts out.

>>> ids = Ids(unique=True)
>>> [source.id for source in ids.watch([Source("a", ""), Source("a", ""), Source("b", ""), Source("a", "")])]
['a', 'a#2', 'b', 'a#3']
>>> ids.repeated, ids.first
(2, 'a')
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from conflict_ner.data.scripts import is_in_other_script
from conflict_ner.inference.files import excel
from conflict_ner.inference.files.sources import Source

_HASH_BYTES = 8  # with ten million ids, the odds that two different ones share a hash are 1 in 300,000
_MAX_LOAD = 2 / 3  # of the slots of a hash table


class HashSet:
    """A set of texts in 12 to 24 bytes each, a tenth of what Python's own needs: a table of their hashes.

    Collisions go to the next free slot (linear probing).
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(_HASH_BYTES * 1024))  # 0 is an empty slot
        self._count = 0

    def add(self, text: str) -> bool:
        """Add a text; return whether it was new."""
        text_hash = (
            int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest()) or 1
        )
        slot = self._find_slot(text_hash)
        if self._slots[slot]:
            return False
        self._slots[slot] = text_hash
        self._count += 1
        if self._count > _MAX_LOAD * len(self._slots):
            old, self._slots = self._slots, array("Q", bytes(2 * _HASH_BYTES * len(self._slots)))
            for old_hash in filter(None, old):
                self._slots[self._find_slot(old_hash)] = old_hash
        return True

    def _find_slot(self, text_hash: int) -> int:
        """Return the slot that holds a hash, or the empty slot where it belongs."""
        mask = len(self._slots) - 1
        slot = text_hash & mask
        while self._slots[slot] not in (0, text_hash):
            slot = (slot + 1) & mask
        return slot


class Ids:
    """Counts reports with an id that an earlier report has.

    repeated: their number; first: the id of the first of them.

    Args:
        unique: give each of them a unique id: `ID#2`, `ID#3` ...
    """

    def __init__(self, *, unique: bool = False) -> None:
        self.unique = unique
        self.repeated = 0
        self.first: Any = None
        self._seen = HashSet()
        self._last_suffix: dict[str, int] = {}

    def watch(self, sources: Iterable[Source]) -> Iterator[Source]:
        """Yield the same reports, in order, with unique ids if that is set."""
        for source in sources:
            # Compared as text: in a table 7 and "7" look the same.
            name = source.id if isinstance(source.id, str) else json.dumps(source.id, ensure_ascii=False)
            if self._seen.add(name):
                yield source
                continue
            if not self.repeated:
                self.first = source.id
            self.repeated += 1
            yield replace(source, id=self._unused_id(name)) if self.unique else source

    def _unused_id(self, name: str) -> str:
        """Return the next of `NAME#2`, `NAME#3` ... that no report has had."""
        while True:
            self._last_suffix[name] = self._last_suffix.get(name, 1) + 1
            candidate = f"{name}#{self._last_suffix[name]}"
            if self._seen.add(candidate):
                return candidate


class OtherScripts:
    """Counts reports that are mostly in a script on which the model was not trained.

    count: their number; first: the id of the first of them.

    Args:
        known: the scripts of the model's training; if empty, they are unknown and no report is counted.
        on_first: called with the id of the first such report.
        skip: leave such reports out.
    """

    def __init__(self, known: Sequence[str], on_first: Callable[[Any], None], *, skip: bool = False) -> None:
        self.known, self.on_first, self.skip = tuple(known), on_first, skip
        self.count = 0
        self.first: Any = None

    def watch(self, sources: Iterable[Source]) -> Iterator[Source]:
        """Yield the same reports, in order, without those that are left out."""
        for source in sources:
            if is_in_other_script(source.text, self.known):
                if not self.count:
                    self.first = source.id
                    self.on_first(source.id)
                self.count += 1
                if self.skip:
                    continue
            yield source


def refuse_unfit_for_excel(sources: Iterable[Source], table: str) -> Iterator[Source]:
    """Yield the same reports; raise at the first that a workbook cannot hold, before it is tagged.

    Args:
        table: that is written. Only the table of reports holds their texts, and a row for each of them.

    Raises:
        JobError: with the report's id and what to do.
    """
    for count, source in enumerate(sources, start=1):
        excel.refuse_unfit_cells(source.id, source.metadata)
        if table == "reports":
            excel.refuse_unfit_cells(source.id, {"text": source.text})
            excel.refuse_unfit_row(count, source.id)
        yield source
