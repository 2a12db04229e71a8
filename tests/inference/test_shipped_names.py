"""The names that an analyst expects the shipped model to know: each is found exactly, in plain and in terse sentences.

To score any checkpoint, from the root of the checkout:

PYTHONPATH=train:tests python -m inference.test_shipped_names CHECKPOINT
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conflict_ner.checkpoint import SHIPPED_MODEL
from conflict_ner.inference.tagger import Tagger

NAMES = Path(__file__).parent / "shipped_names.csv"
LEAST_SHARE = 0.97  # of all sentences
LEAST_SHARE_OF_A_LABEL = 0.95

# Three plain sentences and three terse notes a label. Each fits one and many, and leaves no doubt about the label.
FRAMES = {
    "ACTOR": (
        "{name} confirmed late on Friday that the road to the airport had been closed.",
        "A statement issued by {name} on Monday gave no reason for the delay.",
        "The elders said they were still waiting for an answer from {name}.",
        "12 Mar: {name} ambushed nr bridge, 2 inj, nil killed.",
        "SITREP 0630: road blocked since dawn, {name} on scene, no cas.",
        "3 hostages freed 9 Jul after talks w/ {name}.",
    ),
    "WEAPON": (
        "{name} accounted for most of the losses that week, a field report said.",
        "The use of {name} in the fighting was confirmed by video footage.",
        "The two sides accused each other of using {name}.",
        "14 Jun: {name} used nr airport, 2 inj, nil killed.",
        "SITREP 0630: convoy hit nr bridge, {name} susp, 3 trucks lost, no cas.",
        "Night attack on depot 9 Jul, poss {name}.",
    ),
    "LOCATION": (
        "{name} was calm again on Sunday, according to aid workers.",
        "Clashes were reported from {name} for a third day, and schools stayed closed.",
        "Heavy rain has cut the only road that leads to {name}.",
        "12 Mar: {name}, clash at market, 2 inj, nil killed.",
        "SITREP 0630: 4 trucks overdue, last seen {name} at 2200, search on.",
        "3 hostages freed 9 Jul, now en route to {name}.",
    ),
}


@dataclass
class Score:
    """How many sentences had their name found exactly, by label, and what was found in the others instead."""

    found: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    def share(self, label: str | None = None) -> float:
        """Return the share found, of a label or of all."""
        if label is None:
            return self.found.total() / self.total.total()
        return self.found[label] / self.total[label]

    def __str__(self) -> str:
        shares = [f"all {self.share():.1%} ({self.found.total()} of {self.total.total()})"]
        shares += [f"{label} {self.share(label):.1%} ({self.found[label]} of {self.total[label]})" for label in FRAMES]
        return "\n".join([", ".join(shares), *self.misses])


def read_names() -> list[tuple[str, str]]:
    with NAMES.open(encoding="utf-8", newline="") as file:
        return [(row["name"], row["label"]) for row in csv.DictReader(file)]


def score_names(tagger: Tagger) -> Score:
    """Tag each name in each frame of its label; a name is found if an entity has its start, its end and its label."""
    sentences = []
    for name, label in read_names():
        for frame in FRAMES[label]:
            start = frame.index("{name}")
            shown = name if start else name[0].upper() + name[1:]
            sentences.append((frame.replace("{name}", shown), (start, start + len(name), label)))
    score = Score()
    tagged = tagger.tag([text for text, _ in sentences])
    for (text, gold), entities in zip(sentences, tagged, strict=True):
        start, end, label = gold
        score.total[label] += 1
        if gold in [(entity.start, entity.end, entity.label) for entity in entities]:
            score.found[label] += 1
        else:
            near = [f"{entity.text} {entity.label}" for entity in entities if entity.start < end and entity.end > start]
            score.misses.append(f"{label} {text[start:end]!r} is {', '.join(near) or 'nothing'} in: {text}")
    return score


def test_the_list_names_each_name_once_and_every_frame_has_one_place_for_it() -> None:
    names = read_names()
    assert len({name for name, _ in names}) == len(names)
    assert all(name == name.strip() for name, _ in names)
    counts = Counter(label for _, label in names)
    assert set(counts) == set(FRAMES)
    assert min(counts.values()) >= 100
    assert all(frame.count("{name}") == 1 for frames in FRAMES.values() for frame in frames)


@pytest.mark.skipif(not SHIPPED_MODEL.is_dir(), reason="the package holds no model")
def test_the_shipped_model_finds_the_names_that_an_analyst_expects() -> None:
    score = score_names(Tagger.load())
    assert score.share() >= LEAST_SHARE, str(score)
    for label in FRAMES:
        assert score.share(label) >= LEAST_SHARE_OF_A_LABEL, str(score)


if __name__ == "__main__":
    print(score_names(Tagger.load(sys.argv[1] if len(sys.argv) > 1 else None)))
