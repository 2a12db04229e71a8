"""Verifies, in a fresh process, that a new checkpoint finds the same entities as when it was evaluated.

    python -m conflict_ner.export.verify FOLDER EXPECTED DEVICE

EXPECTED is a file with one JSON object per line, `{"text": ..., "entities": [[label, start, end, score], ...]}`:
the entities that the model found when it was evaluated. The folder is loaded as a user would load it
and must find the same; then plain `transformers.pipeline` is compared. The result is printed as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conflict_ner.checkpoint import PipelineFacts
from conflict_ner.data.document import Entity
from conflict_ner.errors import CheckpointError
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.encoder import quiet_transformers

STRATEGIES = ("first", "simple", "average", "max")
PIPELINE_TEXTS = 100  # at most, spread evenly over the evaluated ones, because it is slow
SCORE_TOLERANCE = 1e-3  # sums taken in another order differ in the last bits
Spans = frozenset[tuple[str, int, int]]  # label, start, end
ExpectedEntities = Sequence[tuple[str, Sequence[Entity]]]  # texts, each with what must be found in it


def verify(folder: Path, expected: ExpectedEntities, device: str = "auto") -> PipelineFacts | None:
    """Tag the texts and compare the entities with those expected; then measure how plain transformers agrees.

    Returns:
        None for a checkpoint in a form that plain transformers cannot load.

    Raises:
        CheckpointError: naming the first text whose entities differ from those expected.
    """
    tagger = Tagger.load(folder, device, precision="fp32")
    texts = [text for text, _ in expected]
    found = tagger.tag(texts)
    for (text, expected_entities), entities in zip(expected, found, strict=True):
        is_same = spans_of(expected_entities) == spans_of(entities) and all(
            abs(a.score - b.score) <= SCORE_TOLERANCE for a, b in zip(expected_entities, entities, strict=True)
        )
        if not is_same:
            raise CheckpointError(
                f"{folder}: reloaded, the model tags {text[:60]!r} otherwise than when it was evaluated"
            )
    return None if tagger.checkpoint.manifest.exported else _compare_pipeline(folder, tagger, texts, found)


def _compare_pipeline(
    folder: Path, tagger: Tagger, texts: Sequence[str], found: Sequence[Sequence[Entity]]
) -> PipelineFacts:
    fits_window = tagger.fit_one_window(texts)
    ours = [
        (text, spans_of(entities))
        for text, entities, fits in zip(texts, found, fits_window, strict=True)
        if fits and text
    ]
    ours = ours[:: -(-len(ours) // PIPELINE_TEXTS) or 1]
    theirs = pipeline_spans(folder, [text for text, _ in ours], STRATEGIES, tagger.device)
    if plain := tagger.checkpoint.manifest.plain:
        theirs = {name: [_renamed(found, plain.names) for found in by_text] for name, by_text in theirs.items()}
    identical, shared = {}, {}
    for strategy, spans in theirs.items():
        pairs = [(our_spans, their_spans) for (_, our_spans), their_spans in zip(ours, spans, strict=True)]
        identical[strategy] = sum(our_spans == their_spans for our_spans, their_spans in pairs)
        shared[strategy] = sum(len(our_spans & their_spans) for our_spans, their_spans in pairs)
    return PipelineFacts(
        strategy=max(STRATEGIES, key=lambda strategy: (identical[strategy], shared[strategy])),
        texts=len(ours),
        mentions=sum(len(our_spans) for _, our_spans in ours),
        identical_texts=identical,
        shared_mentions=shared,
    )


def pipeline_spans(
    folder: Path, texts: Sequence[str], strategies: Sequence[str], device: str = "cpu"
) -> dict[str, list[Spans]]:
    """Return the spans that `transformers.pipeline` finds in each text, by aggregation strategy."""
    import warnings

    from transformers import pipeline

    # It warns that it guesses words with some tokenizers; how well it does is measured here.
    with quiet_transformers(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tag: Any = pipeline("token-classification", model=str(folder), device=device)
        return {
            strategy: [
                frozenset((e["entity_group"], int(e["start"]), int(e["end"])) for e in found)
                for found in (tag(text, aggregation_strategy=strategy) for text in texts)
            ]
            for strategy in strategies
        }


def _renamed(spans: Spans, names: Mapping[str, str]) -> Spans:
    """Return spans of a model that was trained elsewhere with the names that its labels have here."""
    return frozenset((names[label], start, end) for label, start, end in spans if label in names)


def spans_of(entities: Sequence[Entity]) -> Spans:
    """Return what must be the same of the entities of a text, wherever it is tagged."""
    return frozenset((entity.label, entity.start, entity.end) for entity in entities)


def dump_expected(expected: ExpectedEntities) -> str:
    """Return the content of an EXPECTED file."""
    rows = ({"text": text, "entities": [[e.label, e.start, e.end, e.score] for e in found]} for text, found in expected)
    return "".join(json.dumps(row) + "\n" for row in rows)


def load_expected(content: str) -> list[tuple[str, list[Entity]]]:
    """Read the content of an EXPECTED file."""
    rows = [json.loads(line) for line in content.splitlines()]
    return [
        (row["text"], [Entity(label, row["text"][a:b], a, b, score) for label, a, b, score in row["entities"]])
        for row in rows
    ]


if __name__ == "__main__":
    folder_name, expected_name, device_name = sys.argv[1:4]
    try:
        facts = verify(Path(folder_name), load_expected(Path(expected_name).read_text()), device_name)
    except CheckpointError as problem:
        sys.exit(str(problem))
    print(facts.model_dump_json() if facts else "null")
