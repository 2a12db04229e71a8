"""Makes scores mean what they say: one temperature, fitted on validation, folded into the head.

Fine-tuned encoders are surer of themselves than they should be. Dividing all logits by one
number T mends most of it (temperature scaling, Guo et al. 2017) and changes no decision, save
between tags that tie to the last bits of a number. Here T minimises the negative log likelihood
of "this span is right" (exact edges and label) given the span's score. 1/T then goes into the
weights of the head, so that whatever loads the checkpoint gives calibrated scores without
knowing of any of this.

>>> sure = np.tile([0.0, 4.0], (100, 1))  # a score of 0.98 each
>>> three_in_four = Decisions(sure, np.arange(100), np.arange(100) % 4 > 0)
>>> temperature = fit_temperature(three_in_four)
>>> round(float(three_in_four.scores(temperature)[0]), 2)
0.75
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from conflict_ner.checkpoint import CalibrationFacts
from conflict_ner.data.document import Document
from conflict_ner.data.labels import TagIds
from conflict_ner.evaluation.calibration import calibration
from conflict_ner.inference.decoding import decode
from conflict_ner.inference.predictor import Predictor
from conflict_ner.inference.runtime import Logits
from conflict_ner.modeling.encoder import classification_head
from conflict_ner.modeling.tokenization import Ints, word_spans

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FEWEST_SPANS = 50  # below which their being right says too little
_COLDEST, _HOTTEST = 0.1, 10.0
_MOST_WORDS = 50_000  # held at a time, where T is fitted on words
_PROBES, _PROBE_LENGTH = 2, 300  # texts, and characters of each, on which the head is tried
_SURE = 1e-9  # no score is surer than this: one wrong span of score 1 would outweigh all others
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decisions:
    """The predicted spans of some texts.

    logits: of the spans' words with a first subword, shape (N, tags).
    spans: to which span each of them belongs, shape (N,); every span has a word.
    right: whether a span is a gold mention (exact edges and label), shape (S,).
    """

    logits: Float64
    spans: Ints
    right: npt.NDArray[np.bool_]

    def scores(self, temperature: float = 1.0) -> Float64:
        """Each span's score at a temperature, as `decode` has it; shape (S,)."""
        probability = np.exp(_log_softmax(self.logits, temperature).max(-1, initial=-np.inf))
        count = len(self.right)
        return np.bincount(self.spans, probability, count) / np.bincount(self.spans, minlength=count)

    def ece(self, temperature: float = 1.0) -> float | None:
        """The expected calibration error at a temperature; None without spans."""
        pairs = zip(self.scores(temperature).tolist(), self.right.tolist(), strict=True)
        found = calibration([(0, "", score, right) for score, right in pairs], 1)
        return found.ece if found else None


def calibrate(model: PreTrainedModel, predictor: Predictor, documents: Sequence[Document]) -> CalibrationFacts:
    """Fit T on labeled documents and fold it into the model, which the predictor asks: it predicts the same spans.

    T stays 1 where the documents cannot tell it (too few decisions, or none that is wrong or
    right), or where the model's head is not a plain linear layer; the facts say so.
    """
    decided = decisions(predictor, documents)
    temperature, fitted_on = fit_temperature(decided), "spans"
    if temperature is None:
        temperature, fitted_on = fit_temperature_of_words(*_words(predictor, documents)), "words"
    note = ""
    if temperature is None:
        note = "validation has too few decisions, or none that is wrong or none that is right"
    elif not scale_head(
        model, predictor, temperature, [document.text[:_PROBE_LENGTH] for document in documents[:_PROBES]]
    ):
        temperature, note = None, "the model's last step is not a linear layer that could be scaled"
    applied = temperature or 1.0
    return CalibrationFacts(
        temperature=applied,
        fitted_on=fitted_on if temperature else "",
        spans=len(decided.right),
        ece_before=decided.ece(),
        ece_after=decided.ece(applied),
        note=note,
    )


def decisions(predictor: Predictor, documents: Sequence[Document]) -> Decisions:
    """What the predictor finds in documents, with the logits that it comes from."""
    parts: list[Logits] = [np.empty((0, len(predictor.scheme.tags)), dtype=np.float32)]
    lengths: list[int] = []
    right: list[bool] = []
    said = predictor.logits(document.text for document in documents)
    for document, (encoded, logits) in zip(documents, said, strict=True):
        gold = {(mention.start, mention.end, mention.label) for mention in document.mentions}
        unscored = np.zeros(len(logits), dtype=np.float32)
        (found,) = decode([document.text], [encoded], logits.argmax(-1), unscored, predictor.scheme)
        for entity in found:
            inside = (encoded.word_starts >= entity.start) & (encoded.word_ends <= entity.end)
            parts.append(logits[inside & (encoded.first_subwords >= 0)])
            lengths.append(len(parts[-1]))
            right.append((entity.start, entity.end, entity.label) in gold)
    return Decisions(
        np.concatenate(parts).astype(np.float64),
        np.repeat(np.arange(len(right)), np.array(lengths, dtype=np.int64)),
        np.array(right, dtype=np.bool_),
    )


def fit_temperature(decided: Decisions) -> float | None:
    """The T that makes spans' scores most likely; None for few spans, or all right, or all wrong."""
    if len(decided.right) < FEWEST_SPANS or decided.right.all() or not decided.right.any():
        return None

    def loss(temperature: float) -> float:
        score = np.clip(decided.scores(temperature), _SURE, 1 - _SURE)
        return float(-np.where(decided.right, np.log(score), np.log1p(-score)).mean())

    return _minimum(loss)


def fit_temperature_of_words(logits: Logits, gold: TagIds) -> float | None:
    """The T that makes words' gold tags most likely; None for few words, or all right, or all wrong.

    Args:
        logits: shape (N, tags).
        gold: tag ids, shape (N,).
    """
    right = logits.argmax(-1) == gold
    if len(right) < FEWEST_SPANS or right.all() or not right.any():
        return None
    exact, rows = logits.astype(np.float64), np.arange(len(gold))
    return _minimum(lambda temperature: float(-_log_softmax(exact, temperature)[rows, gold].mean()))


def scale_head(model: PreTrainedModel, predictor: Predictor, temperature: float, probes: Sequence[str]) -> bool:
    """Divide the logits by T for good, in the weights of the head that makes them.

    That the outputs of the head (`encoder.head`) are the logits is tried on `probes`: halved
    weights must halve them. If not, the model stays as it was.

    Returns:
        Whether it was done.
    """
    import torch

    found = classification_head(model)
    before = [logits for _, logits in predictor.logits(probes)]
    if not found or not any(logits.any() for logits in before):
        return False
    parameters = [p for p in (found[1].weight, found[1].bias) if p is not None]
    originals = [parameter.detach().clone() for parameter in parameters]

    def divide(by: float) -> None:
        with torch.no_grad():
            for parameter, original in zip(parameters, originals, strict=True):
                parameter.copy_(original / by)

    divide(2)
    halved = [logits for _, logits in predictor.logits(probes)]
    close = 1e-3 * max(float(np.abs(logits).max(initial=0)) for logits in before)
    is_head = all(np.allclose(2 * half, whole, rtol=0, atol=close) for half, whole in zip(halved, before, strict=True))
    divide(temperature if is_head else 1)
    return is_head


def _minimum(loss: Callable[[float], float]) -> float:
    """The temperature with the least loss; 1 if none has less than that."""
    from scipy.optimize import minimize_scalar

    bounds = (math.log(_COLDEST), math.log(_HOTTEST))
    found = math.exp(minimize_scalar(lambda log: loss(math.exp(log)), bounds=bounds, method="bounded").x)
    return found if loss(found) < loss(1.0) else 1.0


def _words(predictor: Predictor, documents: Sequence[Document]) -> tuple[Logits, TagIds]:
    """Logits and gold tags of the first words; those that a mention cuts in two have no true tag."""
    parts: list[Logits] = [np.empty((0, len(predictor.scheme.tags)), dtype=np.float32)]
    gold: list[TagIds] = [np.empty(0, dtype=np.int64)]
    said = predictor.logits(document.text for document in documents)
    for document, (encoded, logits) in zip(documents, said, strict=True):
        spans, astray = word_spans(encoded, document.mentions)
        told = encoded.first_subwords >= 0
        for mention in astray:
            told &= (encoded.word_starts >= mention.end) | (encoded.word_ends <= mention.start)
        parts.append(logits[told])
        gold.append(predictor.scheme.encode(spans, len(logits))[told])
        if sum(map(len, gold)) > _MOST_WORDS:
            break
    return np.concatenate(parts), np.concatenate(gold)


def _log_softmax(logits: Float64, temperature: float) -> Float64:
    scaled = (logits - logits.max(-1, keepdims=True, initial=-np.inf)) / temperature
    result: Float64 = scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))
    return result
