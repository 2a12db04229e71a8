"""The whole pipeline: what comes out, that it resumes exactly, that it refuses in time."""

from __future__ import annotations

from pathlib import Path

from conflict_ner import Tagger, corpus


def test_a_trained_checkpoint_finds_what_it_was_taught(checkpoint_folder: Path, reports_file: Path) -> None:
    documents, _ = corpus.read([reports_file])
    found = Tagger.load(checkpoint_folder).tag([document.text for document in documents])
    gold = [[(m.start, m.end, m.label) for m in document.mentions] for document in documents]
    assert [[(e.start, e.end, e.label) for e in entities] for entities in found] == gold
