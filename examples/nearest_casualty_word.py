"""Compare what a model says numbers count with a rule: the kind of the nearest telling word in the sentence.

    python examples/nearest_casualty_word.py models/casualties data/test

Both type the numbers that the model finds. Printed are the gold mentions of each kind and two strict F1.
"""

from __future__ import annotations

import re
import sys

from conflict_ner import ConflictNerError, Tagger, load_corpus

WORDS = {
    "killed": "kill killed killing killings dead die died dies death deaths body bodies martyred slain fatalities",
    "injured": "wounded injured hurt injuries wounds wounding",
    "detained": "arrested arrests detained captured abducted kidnapped hostage hostages prisoner prisoners jailed",
    "displaced": "displaced fled flee evacuated refugee refugees homeless families",
    "missing": "missing disappeared unaccounted",
    "forces": "troops soldiers fighters police policemen gunmen militants rebels men officers guards",
    "arms": "rockets rifles shells mortars drones missiles bombs mines tanks grenades rounds cartridges weapons",
    "money": "dollars euros pounds rupees pesos francs dinars",
}
KIND_OF = {word: kind for kind, words in WORDS.items() for word in words.split()}


def nearest_kind(text: str, start: int, end: int) -> str:
    """Return the kind of the telling word nearest to a number in its sentence; `other` if there is none."""
    if re.search(r"[$£€₦¥]|\b(Rs|USD|EUR)\b", text[start:end]):
        return "money"
    before, after = re.split(r"[.!?\n]", text[:start])[-1], re.split(r"[.!?\n]", text[end:])[0]
    words = [*reversed(re.findall(r"\w+", before.lower())), *[""] * 50][:50], re.findall(r"\w+", after.lower())[:50]
    ranked = sorted((place, word) for side in words for place, word in enumerate(side) if word in KIND_OF)
    return KIND_OF[ranked[0][1]] if ranked else "other"


def main(checkpoint: str, data: str) -> None:
    """Print a row for each kind."""
    tagger = Tagger.load(checkpoint)
    if not any(label.startswith("NUMBER.") for label in tagger.labels):
        sys.exit(f"error: {checkpoint} does not know what numbers count; configs/casualties.yaml trains one that does")
    reports = load_corpus(data, labels=tagger.labels).documents
    gold = {(r, m.start, m.end, m.label) for r, report in enumerate(reports) for m in report.mentions}
    found = {(r, e.start, e.end, e.label) for r, es in enumerate(tagger.tag(d.text for d in reports)) for e in es}
    ruled = {(r, a, b, "NUMBER." + nearest_kind(reports[r].text, a, b)) for r, a, b, k in found if "NUMBER." in k}
    print("| kind | gold | model | rule |\n|---|---:|---:|---:|")
    for kind in (label for label in tagger.labels if label.startswith("NUMBER.")):
        wanted, *sides = ({item for item in side if item[3] == kind} for side in (gold, found, ruled))
        f1 = [200 * len(wanted & side) / max(len(wanted) + len(side), 1) for side in sides]
        print(f"| {kind.removeprefix('NUMBER.')} | {len(wanted)} | {f1[0]:.1f} | {f1[1]:.1f} |")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:]) if len(sys.argv) == 3 else sys.exit(__doc__)
    except ConflictNerError as error:
        sys.exit(f"error: {error}")
