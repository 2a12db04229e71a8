"""Asks a folder that is to become a checkpoint, in a fresh process, whether it does as it did.

    python -m conflict_ner.export.verify FOLDER EXPECTED

EXPECTED holds a JSON object a line, `{"text": ..., "entities": [[label, start, end, score], ...]}`:
what the model said when it was evaluated. The folder is loaded as a user would load it and
must say the same; then plain `transformers.pipeline` is asked too. Prints the facts as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conflict_ner.checkpoint import PipelineFacts
from conflict_ner.data.document import Entity
from conflict_ner.errors import CheckpointError
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.encoder import quiet_transformers

STRATEGIES = ("first", "simple", "average", "max")
PIPELINE_TEXTS = 100  # at most, from all over the evaluated ones: it is slow
SCORE_TOLERANCE = 1e-3  # sums taken in another order differ in the last bits
Marks = frozenset[tuple[str, int, int]]


def verify(
    folder: Path, expected: Sequence[tuple[str, Sequence[Entity]]], device: str = "auto"
) -> PipelineFacts | None:
    """Tag the texts again and compare; then measure how plain transformers agrees.

    Returns:
        None for a form that plain transformers cannot load.

    Raises:
        CheckpointError: naming the first text whose entities differ from those expected.
    """
    tagger = Tagger.load(folder, device, precision="fp32")
    texts = [text for text, _ in expected]
    found = tagger.tag(texts)
    for (text, wanted), entities in zip(expected, found, strict=True):
        same = _spans(wanted) == _spans(entities) and all(
            abs(a.score - b.score) <= SCORE_TOLERANCE for a, b in zip(wanted, entities, strict=True)
        )
        if not same:
            raise CheckpointError(
                f"{folder}: reloaded, the model tags {text[:60]!r} otherwise than when it was evaluated"
            )
    return None if tagger.checkpoint.manifest.exported else _ask_pipeline(folder, tagger, texts, found)


def _ask_pipeline(
    folder: Path, tagger: Tagger, texts: Sequence[str], found: Sequence[Sequence[Entity]]
) -> PipelineFacts:
    fits = tagger.fit_one_window(texts)
    ours = [(text, _spans(entities)) for text, entities, fit in zip(texts, found, fits, strict=True) if fit and text]
    ours = ours[:: -(-len(ours) // PIPELINE_TEXTS) or 1]
    theirs = pipeline_spans(folder, [text for text, _ in ours], STRATEGIES, tagger.device)
    identical, shared = {}, {}
    for strategy, marks in theirs.items():
        identical[strategy] = sum(mine == other for (_, mine), other in zip(ours, marks, strict=True))
        shared[strategy] = sum(len(mine & other) for (_, mine), other in zip(ours, marks, strict=True))
    return PipelineFacts(
        strategy=max(STRATEGIES, key=lambda strategy: (identical[strategy], shared[strategy])),
        texts=len(ours),
        mentions=sum(len(mine) for _, mine in ours),
        identical_texts=identical,
        shared_mentions=shared,
    )


def pipeline_spans(
    folder: Path, texts: Sequence[str], strategies: Sequence[str], device: str = "cpu"
) -> dict[str, list[Marks]]:
    """What `transformers.pipeline` finds in each text by each strategy, as (label, start, end)."""
    import warnings

    from transformers import pipeline

    # That tokenizers without word marks make it guess is a warning to it and measured here.
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


def _spans(entities: Sequence[Entity]) -> Marks:
    return frozenset((entity.label, entity.start, entity.end) for entity in entities)


def dump_expected(expected: Sequence[tuple[str, Sequence[Entity]]]) -> str:
    """The content of an EXPECTED file."""
    rows = ({"text": text, "entities": [[e.label, e.start, e.end, e.score] for e in found]} for text, found in expected)
    return "".join(json.dumps(row) + "\n" for row in rows)


def load_expected(content: str) -> list[tuple[str, list[Entity]]]:
    """The inverse of `dump_expected`."""
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
