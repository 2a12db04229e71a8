"""Writes a checkpoint: aside, verified in a fresh process, and only then in its place."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from conflict_ner.checkpoint import WEIGHTS, Checkpoint, Manifest, PipelineFacts, dump_scores, sha256, written_aside
from conflict_ner.document import Entity
from conflict_ner.errors import CheckpointError
from conflict_ner.modelcard import model_card
from conflict_ner.verify import dump_expected

Expected = Sequence[tuple[str, Sequence[Entity]]]

# Said by every kind of conflict report; stands in for data where none is at hand.
PROBES = (
    "At least 19 fighters died in a drone strike near El Fasher.",
    "KABUL - Two policemen were wounded when a roadside bomb hit their vehicle in Paktika province, Reuters reported.",
    "GOVERNMENT TROOPS SHELLED REBEL POSITIONS WITH 155MM ARTILLERY; NO CASUALTIES WERE REPORTED.",
)


def export(
    folder: Path,
    fill: Callable[[Path], None],
    manifest: Manifest,
    checkpoint_scores: str,
    card: Callable[[Manifest], str],
    expected: Expected,
    device: str,
) -> Checkpoint:
    """Fill a folder aside, prove that it reproduces `expected`, put it in place.

    Args:
        fill: writes model, tokenizer and run.yaml into the folder it is given.
        card: makes the model card from the finished manifest.

    Raises:
        CheckpointError: if the folder cannot be written or does not reproduce; the old one stays.
    """
    with written_aside(folder) as aside:
        try:
            fill(aside)
            manifest = manifest.model_copy(update={"weights_sha256": sha256(aside / WEIGHTS)})
            (aside / "scores.json").write_text(checkpoint_scores, encoding="utf-8")
            (aside / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
            manifest = manifest.model_copy(update={"pipeline": _verify_elsewhere(aside, expected, device)})
            (aside / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
            (aside / "README.md").write_text(card(manifest), encoding="utf-8")
        except OSError as error:
            raise CheckpointError(f"{folder} cannot be written: {error.strerror}") from None
    return Checkpoint.load(folder)


def copy(source: Checkpoint, folder: Path, expected: Expected, run_yaml: str | None, device: str) -> Checkpoint:
    """Export a checkpoint again, verified like the first time.

    Raises:
        CheckpointError: as `export`, or if the source's weights are not those it was exported with.
    """
    if sha256(source.folder / WEIGHTS) != source.manifest.weights_sha256:
        raise CheckpointError(f"{source.folder}: {WEIGHTS} has changed since it was exported")

    def fill(aside: Path) -> None:
        for file in source.folder.iterdir():
            if file.is_file():
                shutil.copy2(file, aside / file.name)
        if run_yaml is not None:
            (aside / "run.yaml").write_text(run_yaml, encoding="utf-8")

    return export(
        folder,
        fill,
        source.manifest,
        dump_scores(source.scores),
        lambda manifest: model_card(folder.name, manifest, source.scores),
        expected,
        device,
    )


def _verify_elsewhere(aside: Path, expected: Expected, device: str) -> PipelineFacts:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "expected.jsonl"
        file.write_text(dump_expected(expected), encoding="utf-8")
        command = [sys.executable, "-m", "conflict_ner.verify", str(aside), str(file), device]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"
        raise CheckpointError(f"the exported model failed its verification, nothing was replaced: {reason}")
    return PipelineFacts.model_validate_json(done.stdout.strip().splitlines()[-1])
