"""Measure in minutes how many reports a model needs if `review --next` chooses them, and if chance does.

    python tests/studies/learning_curve_frozen.py data/train data/test docs/learning-curve.svg > curve.csv

The cheap stand-in for examples/learning_curve.py, which fine-tunes a whole encoder for each point. Here the encoder
stays as it was pretrained (MiniLM). The hidden states of each word are computed once, and for each point a small
network is trained on them, which sees a word and its two neighbors. It scores lower than a fine-tuned model. The choice
is that of `review --next`: the same uncertainty and the same spreading. Both ways begin with the same random reports;
then each network says what the next is to learn. Reports that are chosen are longer, so words are counted too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from conflict_ner import load_corpus
from conflict_ner.data.document import Document
from conflict_ner.data.labels import LabelScheme
from conflict_ner.inference.decoding.spans import decode
from conflict_ner.inference.labeling.next_reports import Candidate, spread_out, uncertainty
from conflict_ner.inference.labeling.review import softmax
from conflict_ner.inference.predictor import length_batches
from conflict_ner.modeling.encoder import copy_backend, load_tokenizer, resolve_encoder
from conflict_ner.modeling.tokenization import IGNORED, EncodedText, WindowTokenizer, encoder_window, word_tags
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

SEEDS, COUNTS = (7, 8, 9), (25, 50, 100, 200, 400, 800)
WAYS = ("random", "next")
LAYERS, FEATURES, HIDDEN = (2, 4, 6), 160, 96
EPOCHS, MIN_STEPS, BATCH, DROPOUT, RATE = 6, 400, 8, 0.2, 3e-3


@dataclass(frozen=True)
class Report:
    """A report with the features and the tags of its words, shapes (words, FEATURES) and (words,)."""

    document: Document
    encoded: EncodedText
    features: Tensor
    tags: Tensor


def read_reports(documents: Sequence[Document], scheme: LabelScheme, fitted: list[Any]) -> list[Report]:
    """Compute the frozen features of all words.

    fitted: the mean and the main components of the hidden states, filled in by the first call: those of the pool.
    """
    from transformers import AutoModel

    source = resolve_encoder("minilm")
    tokenizer, model = load_tokenizer(source), AutoModel.from_pretrained(source).eval()
    windows = WindowTokenizer.from_tokenizer(
        copy_backend(tokenizer), window=encoder_window(tokenizer, model.config, None), overlap=128
    )
    encoded = windows.encode([document.text for document in documents])
    hidden = [np.zeros((len(e.word_starts), len(LAYERS) * model.config.hidden_size), dtype=np.float32) for e in encoded]
    inputs = [(k, w, windows.window_ids(e, w)) for k, e in enumerate(encoded) for w in range(len(e.windows))]
    for batch in length_batches([len(ids) for _, _, ids in inputs], 2048, unpadded=True):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            states = model(torch.tensor([inputs[k][2] for k in batch]), output_hidden_states=True).hidden_states
        layers = torch.cat([states[layer] for layer in LAYERS], dim=-1).float().numpy()
        for row, (k, window, _) in enumerate(inputs[k] for k in batch):
            e = encoded[k]
            words = np.flatnonzero(e.first_subwords >= 0)
            words = words[e.owners[e.first_subwords[words]] == window]
            hidden[k][words] = layers[row, e.first_subwords[words] - e.windows[window][0] + len(windows.prefix)]
    if not fitted:
        rows = np.concatenate(hidden)
        fitted += [rows.mean(0), np.linalg.eigh(np.cov(rows[::4], rowvar=False))[1][:, -FEATURES:]]
    mean, components = fitted
    reports = []
    for d, e, h in zip(documents, encoded, hidden, strict=True):
        features = np.hstack([(h - mean) @ components, _shapes(d, e)]).astype(np.float32)
        reports.append(Report(d, e, torch.from_numpy(features), _tags(d, e, scheme)))
    return reports


def _shapes(document: Document, encoded: EncodedText) -> np.ndarray[Any, Any]:
    """What an uncased encoder does not see of each word: capitals; and digits."""
    words = [document.text[a:b] for a, b in zip(encoded.word_starts, encoded.word_ends, strict=True)]
    shapes = [(w[:1].isupper(), w.isupper() and len(w) > 1, any(map(str.isdigit, w))) for w in words]
    return 2.0 * np.array(shapes, dtype=np.float32).reshape(-1, 3)


def _tags(document: Document, encoded: EncodedText, scheme: LabelScheme) -> Tensor:
    tags = word_tags(encoded, document.mentions, scheme)[0]
    return torch.from_numpy(np.where(encoded.first_subwords >= 0, tags, IGNORED))


class Network(nn.Module):
    """Tags from the features of a word and its two neighbors."""

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Dropout(DROPOUT), nn.Linear(3 * (FEATURES + 3), HIDDEN), nn.GELU(), nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, tags),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        """Return logits, shape (words, tags), for the features of reports with an empty row before and after each."""
        around = nn.functional.pad(features, (0, 0, 1, 1))
        return self.layers(torch.cat([around[:-2], around[1:-1], around[2:]], dim=-1))  # type: ignore[no-any-return]


def _joined(reports: Sequence[Report]) -> tuple[Tensor, Tensor]:
    """Join reports to one row of words; an empty word that is not learned divides them."""
    features = torch.cat([nn.functional.pad(r.features, (0, 0, 0, 1)) for r in reports])
    return features, torch.cat([nn.functional.pad(r.tags, (0, 1), value=IGNORED) for r in reports])


def train(reports: Sequence[Report], tags: int, seed: int) -> Network:
    """Train a network; all ways have the same number of steps of as many reports."""
    torch.manual_seed(seed)
    network = Network(tags)
    steps = max(EPOCHS * len(reports) // BATCH, MIN_STEPS)
    optimizer = torch.optim.AdamW(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, steps)
    order: list[int] = []
    for _ in range(steps):
        if len(order) < BATCH:
            order += torch.randperm(len(reports)).tolist()
        features, labels = _joined([reports[k] for k in order[:BATCH]])
        order = order[BATCH:]
        optimizer.zero_grad()
        cross_entropy(network(features), labels, ignore_index=IGNORED).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return network.eval()


def read(network: Network, reports: Sequence[Report]) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the probabilities of the tags of each report's words."""
    with torch.inference_mode():
        for report in reports:
            yield softmax(network(report.features).numpy())


def score(network: Network, reports: Sequence[Report], scheme: LabelScheme) -> float:
    """Return strict F1 over all mentions, in per cent."""
    right = gold = found = 0
    for report, odds in zip(reports, read(network, reports), strict=True):
        best, certainty = odds.argmax(-1), odds.max(-1).astype(np.float32)
        [entities] = decode([report.document.text], [report.encoded], best, certainty, scheme)
        wanted = {(m.start, m.end, m.label) for m in report.document.mentions}
        right += len(wanted & {(e.start, e.end, e.label) for e in entities})
        gold, found = gold + len(wanted), found + len(entities)
    return 200 * right / (gold + found)


def order_next(network: Network, rest: Sequence[Report], count: int) -> list[Report]:
    """Return the reports that are not labeled yet, those first that are to be labeled next."""
    pool = [
        Candidate(k, report.document.text, uncertainty(odds[report.encoded.first_subwords >= 0]))
        for k, (report, odds) in enumerate(zip(rest, read(network, rest), strict=True))
    ]
    first = [candidate.id for candidate in spread_out(pool, count)]
    chosen = set(first)
    return [rest[k] for k in first] + [report for k, report in enumerate(rest) if k not in chosen]


def draw(scores: np.ndarray[Any, Any], file: Path) -> None:
    """Draw the curve of each way. scores: shape (ways, seeds, counts)."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for way, of_way in zip(WAYS, scores, strict=True):
        axes.errorbar(COUNTS, of_way.mean(0), of_way.std(0, ddof=1), label=way, capsize=3)
    axes.set(xscale="log", xlabel="labeled reports", ylabel="strict F1, %: mean, sd of three seeds", xticks=COUNTS)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.minorticks_off()
    axes.legend(loc="lower right")
    figure.savefig(file, metadata={"Date": None})


def main(pool_path: str, test_path: str, picture: Path) -> None:
    """Print the score of each point, and what part of random's reports each way needs; draw the curve."""
    documents = load_corpus(pool_path)["data"]
    scheme = LabelScheme(tuple(sorted({m.label for document in documents for m in document.mentions})))
    fitted: list[Any] = []
    pool = read_reports(documents, scheme, fitted)
    test = read_reports(load_corpus(test_path)["data"], scheme, fitted)
    scores, words = np.zeros((2, len(WAYS), len(SEEDS), len(COUNTS)))
    print("way", "seed", "reports", "words", "strict_f1", sep=",")
    for column, seed in enumerate(SEEDS):
        for row, way in enumerate(WAYS):
            rest, chosen, network = list(pool), list(pool)[:0], Network(len(scheme.tags))
            np.random.default_rng(seed).shuffle(rest)
            for point, count in enumerate(COUNTS):
                wanted = count - len(chosen)
                if way == "next" and chosen:
                    rest = order_next(network, rest, wanted)
                chosen, rest = chosen + rest[:wanted], rest[wanted:]
                network = train(chosen, len(scheme.tags), seed)
                scores[row, column, point] = score(network, test, scheme)
                words[row, column, point] = sum(len(report.tags) for report in chosen)
                figures = int(words[row, column, point]), f"{scores[row, column, point]:.2f}"
                print(way, seed, len(chosen), *figures, sep=",", flush=True)
    for name, amounts in (("reports", np.broadcast_to(COUNTS, words.shape)), ("words", words)):
        ours, theirs = amounts[1].mean(0), amounts[0].mean(0)
        reached = np.maximum.accumulate(scores[1].mean(0))
        needed = np.exp(np.interp(scores[0].mean(0), reached, np.log(ours))) / theirs
        parts = ", ".join(f"{count}: {part:.2f}" for count, part in zip(COUNTS, needed, strict=True))
        print(f"# part of random's {name} with which `next` reaches random's score, by reports: {parts}")
    draw(scores, picture)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
