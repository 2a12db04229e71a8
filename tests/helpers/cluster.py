"""A cluster in this process: what Ray does with the workers of a job, in order and without Ray."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import pytest
from conflict_ner.inference.cluster import ray_pipeline
from conflict_ner.inference.cluster.parts import Message, ReadParts, TagParts, TagSettings, group_row
from conflict_ner.inference.cluster.storage import InputFile


def run_here(
    groups: Sequence[tuple[int, Sequence[InputFile]]], read: ReadParts, settings: TagSettings, workers: object = None
) -> Iterator[Message]:
    """Read and tag groups of files, one part after the other."""
    worker = TagParts(settings)
    for group, files in groups:
        for row in read({key: [value] for key, value in group_row(group, files).items()}):
            (message,) = worker(row)["message"]
            yield Message.load(message)


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `tag --ray` run in this process."""
    monkeypatch.setattr(ray_pipeline, "require_ray", lambda: None)
    monkeypatch.setattr(ray_pipeline, "connect", lambda address: nullcontext())
    monkeypatch.setattr(ray_pipeline, "run", run_here)
