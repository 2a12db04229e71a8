"""What `/metrics` tells Prometheus of the service: requests, texts, batches, the queue, memory. No text is in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from conflict_ner.data.document import Entity
from conflict_ner.inference.service.bodies import Model

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TEXTS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The figures of one service, in a registry of its own.

    Args:
        model: whose name and version are told.
        waiting: returns how many texts wait now.
    """

    def __init__(self, model: Model, waiting: Callable[[], int]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        info = Info("conflict_ner_model", "The model that answers.", registry=registry)
        info.info({"name": model.name, "version": model.version})
        self._requests = Counter(
            "conflict_ner_requests", "Requests that were answered.", ["path", "status"], registry=registry
        )
        self._seconds = Histogram(
            "conflict_ner_request_seconds", "Time of a request.", ["path"], buckets=_SECONDS, registry=registry
        )
        self._texts = Counter("conflict_ner_texts", "Texts that were tagged.", registry=registry)
        self._characters = Counter("conflict_ner_characters", "Characters of these texts.", registry=registry)
        self._entities = Counter("conflict_ner_entities", "Entities that were found.", ["label"], registry=registry)
        self._batch_texts = Histogram(
            "conflict_ner_batch_texts", "Texts of a batch.", buckets=_TEXTS, registry=registry
        )
        self._batch_seconds = Histogram(
            "conflict_ner_batch_seconds", "Time of a batch in the model.", buckets=_SECONDS, registry=registry
        )
        queue = Gauge("conflict_ner_waiting_texts", "Texts that wait for the model.", registry=registry)
        queue.set_function(waiting)

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request. path: of the route, not what the client typed; status: 499 if the client has hung up."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def count_batch(self, texts: Sequence[str], seconds: float) -> None:
        """Count a batch that the model has computed."""
        self._texts.inc(len(texts))
        self._characters.inc(sum(map(len, texts)))
        self._batch_texts.observe(len(texts))
        self._batch_seconds.observe(seconds)

    def count_entities(self, found: Sequence[Sequence[Entity]]) -> None:
        """Count the entities of an answer by label."""
        for entities in found:
            for entity in entities:
                self._entities.labels(entity.label).inc()

    def render(self) -> tuple[bytes, str]:
        """Return all figures as text, and its content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_LATEST
