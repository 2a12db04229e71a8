"""Calibrates scores by one temperature, which is fitted on validation and applied to the head's weights.

Fine-tuned encoders are overconfident. Dividing all logits by one number T corrects most of it
(temperature scaling, Guo et al. 2017) and changes no decision, except between tags or sequences of tags that
tie to the last bits. Here T minimizes the negative log likelihood of "this span is right" (exact
edges and label) given the span's score. The head's weights are then divided by T, so that
anything that loads the checkpoint gives calibrated scores.

>>> logits = np.tile([0.0, 4.0], (100, 1))  # a score of 0.98 each
>>> tags = np.ones(100, dtype=np.int64)
>>> spans = PredictedSpans(logits, tags, np.arange(100), np.arange(100) % 4 > 0)  # three in four are right
>>> round(float(spans.scores(fit_temperature(spans))[0]), 2)
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
from conflict_ner.inference.decoding.spans import decode
from conflict_ner.inference.predictor import Predictor
from conflict_ner.inference.runtime import Logits
from conflict_ner.modeling.encoder import classification_head
from conflict_ner.modeling.tokenization import Ints, word_spans

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MIN_SPANS = 50  # fewer tell too little
_MIN_TEMPERATURE, _MAX_TEMPERATURE = 0.1, 10.0
_MAX_WORDS = 50_000  # T is fitted on about so many words at most
_PROBES, _PROBE_LENGTH = 2, 300  # texts, and characters of each, on which `scale_head` tests the head
_MARGIN = 1e-9  # keeps scores from 0 and 1, so that one wrong span of score 1 does not outweigh all others
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PredictedSpans:
    """The predicted spans of some texts: N words that have a first subword, in S spans.

    logits: of the words, shape (N, tags).
    tags: the tag that was chosen for each word, shape (N,).
    spans: index of each word's span, shape (N,); every span has a word.
    right: whether a span is a gold mention (exact edges and label), shape (S,).
    """

    logits: Float64
    tags: TagIds
    spans: Ints
    right: npt.NDArray[np.bool_]

    def scores(self, temperature: float = 1.0) -> Float64:
        """Return each span's score at a temperature, computed as `decode` does; shape (S,)."""
        odds = np.take_along_axis(_log_softmax(self.logits, temperature), self.tags[:, None], axis=-1)
        probability = np.exp(odds[:, 0])
        count = len(self.right)
        return np.bincount(self.spans, probability, count) / np.bincount(self.spans, minlength=count)

    def ece(self, temperature: float = 1.0) -> float | None:
        """Return the expected calibration error at a temperature; None without spans."""
        pairs = zip(self.scores(temperature).tolist(), self.right.tolist(), strict=True)
        found = calibration([(0, "", score, right) for score, right in pairs], 1)
        return found.ece if found else None


def calibrate(model: PreTrainedModel, predictor: Predictor, documents: Sequence[Document]) -> CalibrationFacts:
    """Fit T on labeled documents and divide the weights of the model's head by it; the predicted spans stay the same.

    T stays 1 where it cannot be fitted (too few decisions, or none that is wrong or none that is
    right), or where the model's head is not a plain linear layer; the facts say so.

    Args:
        predictor: predicts with `model`.
    """
    predicted = predicted_spans(predictor, documents)
    temperature, fitted_on = fit_temperature(predicted), "spans"
    if temperature is None:
        temperature, fitted_on = fit_temperature_of_words(*_labeled_words(predictor, documents)), "words"
    note = ""
    if temperature is None:
        note = "validation has too few decisions, or none that is wrong or none that is right"
    elif not scale_head(
        model, predictor, temperature, [document.text[:_PROBE_LENGTH] for document in documents[:_PROBES]]
    ):
        temperature, note = None, "the model's last step is not a linear layer that could be scaled"
    applied_temperature = temperature or 1.0
    return CalibrationFacts(
        temperature=applied_temperature,
        fitted_on=fitted_on if temperature else "",
        spans=len(predicted.right),
        ece_before=predicted.ece(),
        ece_after=predicted.ece(applied_temperature),
        note=note,
    )


def predicted_spans(predictor: Predictor, documents: Sequence[Document]) -> PredictedSpans:
    """Return the spans that a predictor finds in labeled documents."""
    parts: list[Logits] = [np.empty((0, len(predictor.scheme.tags)), dtype=np.float32)]
    chosen: list[TagIds] = [np.empty(0, dtype=np.int64)]
    lengths: list[int] = []
    right: list[bool] = []
    outputs = predictor.logits(document.text for document in documents)
    for document, (encoded, logits) in zip(documents, outputs, strict=True):
        gold = {(mention.start, mention.end, mention.label) for mention in document.mentions}
        tags, scores = predictor.best_tags(logits, [encoded])
        (found,) = decode([document.text], [encoded], tags, scores, predictor.scheme)
        for entity in found:
            inside = (encoded.word_starts >= entity.start) & (encoded.word_ends <= entity.end)
            inside &= encoded.first_subwords >= 0
            parts.append(logits[inside])
            chosen.append(tags[inside])
            lengths.append(len(parts[-1]))
            right.append((entity.start, entity.end, entity.label) in gold)
    return PredictedSpans(
        np.concatenate(parts).astype(np.float64),
        np.concatenate(chosen),
        np.repeat(np.arange(len(right)), np.array(lengths, dtype=np.int64)),
        np.array(right, dtype=np.bool_),
    )


def fit_temperature(predicted: PredictedSpans) -> float | None:
    """Return the T that makes spans' scores most likely; None for few spans, or all right, or all wrong."""
    if len(predicted.right) < MIN_SPANS or predicted.right.all() or not predicted.right.any():
        return None

    def loss(temperature: float) -> float:
        score = np.clip(predicted.scores(temperature), _MARGIN, 1 - _MARGIN)
        return float(-np.where(predicted.right, np.log(score), np.log1p(-score)).mean())

    return _best_temperature(loss)


def fit_temperature_of_words(logits: Logits, gold: TagIds) -> float | None:
    """Return the T that makes words' gold tags most likely; None for few words, or all right, or all wrong.

    Args:
        logits: shape (N, tags).
        gold: tag ids, shape (N,).
    """
    right = logits.argmax(-1) == gold
    if len(right) < MIN_SPANS or right.all() or not right.any():
        return None
    logits64, rows = logits.astype(np.float64), np.arange(len(gold))
    return _best_temperature(lambda temperature: float(-_log_softmax(logits64, temperature)[rows, gold].mean()))


def scale_head(model: PreTrainedModel, predictor: Predictor, temperature: float, probes: Sequence[str]) -> bool:
    """Divide the weights of a model's head by T, and with them its logits.

    Whether the head's outputs are the logits is tested on `probes`: halved weights must halve
    the logits. If they do not, the model stays as it was.

    Args:
        probes: texts.

    Returns:
        Whether the weights were divided.
    """
    import torch

    found_head = classification_head(model)
    before = [logits for _, logits in predictor.logits(probes)]
    if not found_head or not any(logits.any() for logits in before):
        return False
    parameters = [p for p in (found_head[1].weight, found_head[1].bias) if p is not None]
    originals = [parameter.detach().clone() for parameter in parameters]

    def divide_weights(divisor: float) -> None:
        with torch.no_grad():
            for parameter, original in zip(parameters, originals, strict=True):
                parameter.copy_(original / divisor)

    divide_weights(2)
    halved = [logits for _, logits in predictor.logits(probes)]
    tolerance = 1e-3 * max(float(np.abs(logits).max(initial=0)) for logits in before)
    is_head = all(
        np.allclose(2 * half, original, rtol=0, atol=tolerance) for half, original in zip(halved, before, strict=True)
    )
    divide_weights(temperature if is_head else 1)
    return is_head


def _best_temperature(loss: Callable[[float], float]) -> float:
    """Return the temperature with the least loss; 1 if no other has less."""
    from scipy.optimize import minimize_scalar

    log_bounds = (math.log(_MIN_TEMPERATURE), math.log(_MAX_TEMPERATURE))
    best = math.exp(minimize_scalar(lambda log: loss(math.exp(log)), bounds=log_bounds, method="bounded").x)
    return best if loss(best) < loss(1.0) else 1.0


def _labeled_words(predictor: Predictor, documents: Sequence[Document]) -> tuple[Logits, TagIds]:
    """Return logits and gold tags of the first words, without those that the edge of a mention cuts in two."""
    parts: list[Logits] = [np.empty((0, len(predictor.scheme.tags)), dtype=np.float32)]
    gold: list[TagIds] = [np.empty(0, dtype=np.int64)]
    outputs = predictor.logits(document.text for document in documents)
    for document, (encoded, logits) in zip(documents, outputs, strict=True):
        spans, unaligned = word_spans(encoded, document.mentions)
        has_tag = encoded.first_subwords >= 0
        for mention in unaligned:
            has_tag &= (encoded.word_starts >= mention.end) | (encoded.word_ends <= mention.start)
        parts.append(logits[has_tag])
        gold.append(predictor.scheme.encode(spans, len(logits))[has_tag])
        if sum(map(len, gold)) > _MAX_WORDS:
            break
    return np.concatenate(parts), np.concatenate(gold)


def _log_softmax(logits: Float64, temperature: float) -> Float64:
    scaled = (logits - logits.max(-1, keepdims=True, initial=-np.inf)) / temperature
    result: Float64 = scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))
    return result
