"""Train a model from Python, evaluate it and print its F1.

    python examples/train_from_python.py configs/default.yaml data/test training.epochs=5 output=models/quick

The first argument is a run's config, the second labeled reports to score the model on; what follows are settings to
change, as `conflict-ner train --set` takes them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from conflict_ner import ConflictNerError, evaluate, load_config, train
from rich.console import Console


def main(config_file: str, data: str, overrides: Sequence[str]) -> None:
    """Train a checkpoint and score it on labeled reports."""
    # A config can be made in Python too; see examples/custom_labels.py.
    config = load_config(config_file, overrides)
    checkpoint = train(config, console=Console(stderr=True))  # without a console, training prints nothing
    scores = evaluate(checkpoint.folder, data).report.strict
    for label, figures in [*scores.labels.items(), ("all", scores.micro)]:
        if figures.f1 is None:  # no such mention was labeled or found
            continue
        low, high = figures.interval or (figures.f1, figures.f1)
        print(f"{label}: F1 {100 * figures.f1:.1f} (95 %: {100 * low:.1f}-{100 * high:.1f}), {figures.gold:,} mentions")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2], sys.argv[3:])
    except ConflictNerError as error:
        sys.exit(f"error: {error}")
