"""Measure how many labeled reports a model needs if `review --next` chooses them, and if chance does.

    python examples/learning_curve.py configs/default.yaml models/curve training.device=cpu > curve.csv

Trains on growing parts of the training reports (not silver ones), three seeds; scores on test; draws a curve.
Both ways begin with the same random reports; then each model says what the next is to learn. Goes on after a kill.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from conflict_ner import Checkpoint, ConflictNerError, Corpus, choose_next, evaluate, load_config, load_corpus, train
from matplotlib.figure import Figure

SEEDS, SHARES = (7, 8, 9), (0.0625, 0.125, 0.25, 0.5, 1.0)


def main(config: str, folder: Path, overrides: list[str]) -> None:
    """Train all models that are not there yet, print their scores and draw the curve."""
    pool = [each for each in load_corpus(config)["train"] if each.metadata.get("labels") != "silver"]
    test, figure = load_config(config, overrides).data.test, Figure(figsize=(6, 4))
    folder.mkdir(parents=True, exist_ok=True)
    axes = figure.subplots()
    for way in ("random", "next"):
        scores = np.zeros((len(SEEDS), len(SHARES)))
        for row, seed in enumerate(SEEDS):
            rest, chosen, model = list(pool), pool[:0], Path()
            np.random.default_rng(seed).shuffle(rest)
            for column, share in enumerate(SHARES):
                wanted = round(share * len(pool)) - len(chosen)
                if way == "next" and chosen:  # by the model of the part before
                    first = [each.id for each in choose_next(model, [report.text for report in rest], wanted)]
                    rest = [rest[k] for k in first] + [report for k, report in enumerate(rest) if k not in first]
                chosen, rest = chosen + rest[:wanted], rest[wanted:]
                output = folder / f"{way if column else 'first'}-{share:g}-seed{seed}"
                Corpus({"train": tuple(chosen)}).save(file := folder / f"{output.name}.md")
                changes = [f"data.train=['{file}']", f"training.seed={seed}", f"output={output}"]
                run = load_config(config, [*overrides, *changes])
                if output.is_dir() and Checkpoint.load(output).config() != run:
                    sys.exit(f"error: {output} was trained with other settings; name another folder")
                model = output if output.is_dir() else train(run, resume=True).folder
                scores[row, column] = evaluate(model, test).report.strict.micro.f1 or 0.0
                print(way, seed, len(chosen), scores[row, column], sep=",", flush=True)
        axes.errorbar(SHARES, 100 * scores.mean(0), 100 * scores.std(0, ddof=1), label=way)
    axes.set(xscale="log", xlabel=f"share of {len(pool)} labeled reports", ylabel="strict F1, %: mean, sd of 3 seeds")
    axes.legend(loc="lower right")
    figure.savefig(folder / "curve.svg")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], Path(sys.argv[2]).resolve(), sys.argv[3:])
    except ConflictNerError as error:
        sys.exit(f"error: {error}")
