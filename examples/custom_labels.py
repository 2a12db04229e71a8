"""Train a model with labels of your own, from a JSONL file of labeled texts to a checkpoint.

    python examples/custom_labels.py labeled.jsonl models/mine PERSON PLACE

Each line of the file is one text, with the offsets of its mentions counted in characters:

    {"id": "1", "text": "Ada went to Turin.", "entities": [{"start": 0, "end": 3, "label": "PERSON"}]}

A fifth of the texts, drawn at random, is kept out of training to choose the best epoch and to score it.
"""

from __future__ import annotations

import argparse

from conflict_ner import Config, ConflictNerError, Tagger, load_corpus, train
from rich.console import Console


def main() -> None:
    """Check the labeled texts, train on them, and tag one of them."""
    parser = argparse.ArgumentParser(description="Train a model with labels of your own.")
    parser.add_argument("data", help="labeled texts (.jsonl)")
    parser.add_argument("output", help="the checkpoint's folder, which is written")
    parser.add_argument("labels", nargs="+", help="the names of the labels, as they stand in the file")
    parser.add_argument("--encoder", default="minilm", help="a bundled name, a folder, or a hub id")
    options = parser.parse_args()
    # Raises one error with all problems of the file, each with its line, before anything is trained.
    corpus = load_corpus(train=options.data, labels=options.labels)
    print("mentions:", dict(corpus.counts("train")))
    config = Config(
        labels=options.labels,
        encoder=options.encoder,
        data={"train": [options.data], "validation_share": 0.2},
        output=options.output,
    )
    checkpoint = train(config, console=Console(stderr=True))
    print("F1 on the texts kept out:", checkpoint.scores["validation"].strict.micro.f1)
    for entity in Tagger.load(checkpoint.folder).tag(corpus["train"][0].text):
        print(entity.label, entity.text, entity.start, entity.end, round(entity.score, 3))


if __name__ == "__main__":
    try:
        main()
    except ConflictNerError as error:
        raise SystemExit(f"error: {error}") from None
