"""Measure what few labeled reports of your own give, from several encoders: mean and deviation over three seeds.

    python examples/few_reports.py configs/benchmarks/re3d.yaml models/few minilm,models/small training.epochs=15

The reports are drawn from the config's training reports, so that the fewest hold every label, and the model is scored
on its validation reports, by which its best epoch is chosen too. Goes on after a kill. Silver reports are not drawn.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from conflict_ner import Checkpoint, ConflictNerError, Corpus, Document, evaluate, load_config, load_corpus, train

SEEDS, SIZES = (7, 8, 9), (25, 50, 100, 200)


def draw(pool: list[Document], labels: set[str], seed: int) -> list[Document]:
    """Return the reports in a random order in which the first have every label."""
    for attempt in range(10_000):
        order = np.random.default_rng((seed, attempt)).permutation(len(pool))
        if {mention.label for n in order[: SIZES[0]] for mention in pool[n].mentions} >= labels:
            return [pool[n] for n in order]
    sys.exit(f"error: of {len(pool)} reports, hardly any {SIZES[0]} hold all of {', '.join(sorted(labels))}")


def main(file: str, folder: Path, encoders: list[str], overrides: list[str]) -> None:
    """Train all models that are not there yet and print their scores, as comma-separated values."""
    pool = [each for each in load_corpus(file)["train"] if each.metadata.get("labels") != "silver"]
    if len(pool) < SIZES[-1] or not (config := load_config(file)).data.validation:
        sys.exit(f"error: name files for validation, and {SIZES[-1]} reports or more for training, not {len(pool)}")
    orders = {seed: draw(pool, set(config.labels), seed) for seed in SEEDS}
    folder.mkdir(parents=True, exist_ok=True)
    print("encoder,reports,mean,deviation", *SEEDS, sep=",")
    for encoder, size in ((encoder, size) for encoder in encoders for size in SIZES):
        f1s = []
        for seed, order in orders.items():
            drawn, output = folder / f"{size}-seed{seed}.jsonl", folder / f"{Path(encoder).name}-{size}-seed{seed}"
            Corpus({"train": tuple(order[:size])}).save(drawn)
            start = Path(encoder).resolve() if Path(encoder).is_dir() else encoder
            changes = [f"encoder={start}", f"data.train=['{drawn}']", f"training.seed={seed}", f"output={output}"]
            run = load_config(file, [*overrides, *changes, "data.test=[]"])
            if output.is_dir() and Checkpoint.load(output).config() != run:
                sys.exit(f"error: {output} was trained with other settings; name another folder")
            model = output if output.is_dir() else train(run, resume=True).folder
            f1s.append(100 * (evaluate(model, config.data.validation).report.strict.micro.f1 or 0.0))
        print(encoder, size, *(f"{each:.1f}" for each in (mean(f1s), stdev(f1s), *f1s)), sep=",", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 4 or not all(each.startswith("training.") for each in sys.argv[4:]):
        sys.exit(__doc__)
    try:
        main(sys.argv[1], Path(sys.argv[2]).resolve(), sys.argv[3].split(","), sys.argv[4:])
    except ConflictNerError as error:
        sys.exit(f"error: {error}")
