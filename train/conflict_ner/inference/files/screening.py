"""Looks at reports before they are tagged: ids that are used again, texts in a script unknown to the model.

Both are counted, the first of each is named, and an option mends them: ids are made distinct, texts left out.

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
from conflict_ner.inference.files.sources import Source

_BYTES = 8  # of a hash: among ten million ids two different ones are taken for one with odds of 1 in 300,000
_FULL = 2 / 3  # of a table's places, at most


class Hashes:
    """A set of texts in 12 to 24 bytes each, where Python's own would need ten times as much."""

    def __init__(self) -> None:
        self._places = array("Q", bytes(_BYTES * 1024))
        self._count = 0

    def add(self, text: str) -> bool:
        """Add a text; whether it was new."""
        hashed = int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()) or 1
        place = self._place(hashed)
        if self._places[place]:
            return False
        self._places[place] = hashed
        self._count += 1
        if self._count > _FULL * len(self._places):
            old, self._places = self._places, array("Q", bytes(2 * _BYTES * len(self._places)))
            for each in filter(None, old):
                self._places[self._place(each)] = each
        return True

    def _place(self, hashed: int) -> int:
        """Where a hash is, or would be: 0 stands for an empty place."""
        last = len(self._places) - 1
        place = hashed & last
        while self._places[place] not in (0, hashed):
            place = (place + 1) & last
        return place


class Ids:
    """Counts reports whose id an earlier one has.

    Args:
        unique: give each of them an id of its own: `ID#2`, `ID#3` ...
    """

    def __init__(self, *, unique: bool = False) -> None:
        self.unique = unique
        self.repeated = 0
        self.first: Any = None
        self._seen = Hashes()
        self._times: dict[str, int] = {}

    def watch(self, sources: Iterable[Source]) -> Iterator[Source]:
        """The same reports, in order."""
        for source in sources:
            # As text: in a table 7 and "7" cannot be told apart.
            name = source.id if isinstance(source.id, str) else json.dumps(source.id, ensure_ascii=False)
            if self._seen.add(name):
                yield source
                continue
            if not self.repeated:
                self.first = source.id
            self.repeated += 1
            yield replace(source, id=self._another(name)) if self.unique else source

    def _another(self, name: str) -> str:
        """The next `NAME#2`, `NAME#3` ... that no report has had."""
        while True:
            self._times[name] = self._times.get(name, 1) + 1
            other = f"{name}#{self._times[name]}"
            if self._seen.add(other):
                return other


class OtherScripts:
    """Counts reports that are mostly in a script on which the model was not trained.

    Args:
        known: the scripts of its training; empty: nobody knows, and no report is counted.
        skip: leave them out.
        begin: called with the id of the first one.
    """

    def __init__(self, known: Sequence[str], begin: Callable[[Any], None], *, skip: bool = False) -> None:
        self.known, self.begin, self.skip = tuple(known), begin, skip
        self.count = 0
        self.first: Any = None

    def watch(self, sources: Iterable[Source]) -> Iterator[Source]:
        """The same reports, in order, without those that are left out."""
        for source in sources:
            if is_in_other_script(source.text, self.known):
                if not self.count:
                    self.first = source.id
                    self.begin(source.id)
                self.count += 1
                if self.skip:
                    continue
            yield source
