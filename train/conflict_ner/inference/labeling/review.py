"""Reviews labels: which gold labels are probably wrong, and which reports to label next, by what a model reads.

from conflict_ner import review

for finding in review("models/default", "data/test").findings[:20]:
    print(finding.score, finding.kind, finding.place, finding.gold, finding.predicted)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from conflict_ner.checkpoint import shipped_model
from conflict_ner.config import ColumnsConfig
from conflict_ner.data.document import Document
from conflict_ner.data.formats.format import ReadOptions
from conflict_ner.data.label_levels import first_levels
from conflict_ner.data.labels import LabelScheme
from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation.gold.label_errors import Float64, Reading, Review, rank_findings
from conflict_ner.files import as_paths
from conflict_ner.inference.decoding.spans import decode
from conflict_ner.inference.labeled_reports import cut_labels, load_labeled
from conflict_ner.inference.predictor import Predictor
from conflict_ner.inference.runtime import Logits
from conflict_ner.inference.tagger import Tagger


def review(
    checkpoint: str | Path | None,
    data: str | Path | Iterable[str | Path],
    *,
    strict: bool = True,
    columns: ColumnsConfig | None = None,
    device: str = "auto",
    on_skipped: Callable[[Problem], None] = lambda _: None,
    guidelines: bool | None = None,
    first_level: bool = False,
    label_map: Mapping[str, str | None] | None = None,
) -> Review:
    """Rank the mentions of labeled reports by how sure a model is that their gold label is wrong.

    The model should not have been trained on the reports: it may have learned their errors by heart. To judge training
    data itself, see `training.multirun.review_folds`.

    Args:
        checkpoint: its folder, or whatever else `Tagger.load` takes; None for the model that comes with the package.
        data: labeled files and folders, one or several. Reports that a model has labeled are reviewed too.
        strict, columns, device, on_skipped, guidelines, first_level, label_map: as in `evaluate`.

    Raises:
        CheckpointError: if the checkpoint is incomplete, or none is named and the package was built without its model.
        DataError: if the data has problems, such as a label that the checkpoint does not know, or no report has a
            mention.
    """
    folder, paths = shipped_model() if checkpoint is None else Path(checkpoint), as_paths(data)
    # In full precision: the ranking must be the same on every machine.
    tagger = Tagger.load(folder, device, precision="fp32", label_map=label_map)
    loaded, _ = load_labeled(
        tagger,
        paths,
        first_levels(tagger.labels) if first_level else tagger.labels,
        leave_others_out=tagger.checkpoint.manifest.plain is not None,
        strict=strict,
        on_skipped=on_skipped,
        guidelines=guidelines,
        options=ReadOptions(columns=columns),
    )
    documents, name = loaded["data"], ", ".join(map(str, paths))
    require_mentions(name, documents)
    scheme = LabelScheme(loaded.labels)
    findings = rank_findings(documents, read(tagger.predictor, documents, scheme), scheme)
    return Review(tagger.checkpoint.name, name, loaded.labels, documents, tuple(findings))


def require_mentions(where: str, documents: Iterable[Document]) -> None:
    """Refuse reports without any mention: each mention that the model finds there would look like an error of gold.

    Args:
        where: the data, for the message.

    Raises:
        DataError: if no report has a mention.
    """
    if not any(document.mentions for document in documents):
        fix = "label some first; `conflict-ner review FILES --next 100` says which"
        raise DataError([Problem(where, "no report has a mention, so there is no label to review", fix)])


def read(predictor: Predictor, documents: Iterable[Document], scheme: LabelScheme) -> Iterator[Reading]:
    """Yield what a model reads in each report, in order.

    Args:
        scheme: the labels of the data: the model's own, or levels above them, whose probabilities are then summed.
    """
    texts = [document.text for document in documents]
    tags = predictor.scheme.tags_in(scheme)
    for text, (encoded, logits) in zip(texts, predictor.logits(texts), strict=True):
        probabilities = softmax(logits)
        [entities] = decode([text], [encoded], *predictor.best_tags(logits, [encoded]), predictor.scheme)
        if predictor.model_tags is not None:
            probabilities = probabilities @ predictor.model_tags.shares
        by_tag = np.zeros((len(scheme.tags), len(probabilities)))
        np.add.at(by_tag, tags, probabilities.T)
        yield Reading(
            encoded.word_starts,
            encoded.word_ends,
            by_tag.T,
            encoded.first_subwords >= 0,
            cut_labels(entities, scheme.labels),
        )


def softmax(logits: Logits) -> Float64:
    """Return the probabilities of the tags of each word, shape (words, tags)."""
    odds = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    probabilities: Float64 = odds / odds.sum(-1, keepdims=True)
    return probabilities
