"""Writes model cards: a README with the metadata that model hubs read, from the facts of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from conflict_ner.checkpoint import CalibrationFacts, ExportFacts, Manifest, PipelineFacts, PlainFacts
from conflict_ner.errors import format_count
from conflict_ner.evaluation.report import Report
from conflict_ner.reporting.tables import markdown, percent


def model_card(name: str, manifest: Manifest, scores: Mapping[str, Report]) -> str:
    """Return the card of a checkpoint as Markdown with YAML metadata."""
    return "\n".join(
        [
            "---",
            yaml.safe_dump(_metadata(name, manifest, scores), sort_keys=False, allow_unicode=True).rstrip(),
            "---",
            f"\n# {name}\n",
            f"Tags {_join_labels(manifest.labels)} in reports like those it was trained on. {_maker(manifest)}\n",
            _usage(name, manifest),
            "## Scores\n",
            _scores(scores),
            "## Training\n",
            _plain_origin(manifest, manifest.plain) if manifest.plain else _training(manifest),
            _exported(manifest.exported),
            "## Limits\n",
            "Names of actors and places are learned from the training reports and the encoder; a text unlike "
            "them scores lower than the table says. Review what it tags before you publish counts.\n",
            _calibration(manifest.calibration, scores),
            _memory(scores),
            "" if manifest.exported else _pipeline(manifest.pipeline, manifest.window),
        ]
    )


def _maker(manifest: Manifest) -> str:
    version = f"conflict-ner {manifest.versions.get('conflict-ner', '')}"
    if manifest.plain:
        return f"This is `{manifest.encoder}`, trained elsewhere; {version} verified that this copy tags as it does."
    return f"Fine-tuned from `{manifest.encoder}` with {version}."


def _scores(scores: Mapping[str, Report]) -> str:
    if not scores:
        return "Not known: `conflict-ner evaluate` scores it on labeled reports.\n"
    tables = (
        f"**{split}**, {format_count(report.documents, 'report')}\n\n{markdown(report)}\n"
        for split, report in scores.items()
    )
    explanation = (
        "In per cent. A mention counts only with its exact edges and label (seqeval, strict mode, IOB2), "
        "over whole reports; 95 % is the F1's interval (bootstrap over reports); type F1 asks for the label "
        "and one shared character.\n"
    )
    return "\n".join([explanation, *tables])


def _metadata(name: str, manifest: Manifest, scores: Mapping[str, Report]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"library_name": "onnxruntime" if manifest.exported else "transformers"}
    if "/" in manifest.encoder:  # an id on a hub; a folder has its name only
        metadata["base_model"] = manifest.encoder
    metadata |= {
        "pipeline_tag": "token-classification",
        "tags": ["named-entity-recognition", "conflict", "conflict-ner"],
    }
    metadata["metrics"] = ["precision", "recall", "f1"]
    results = [
        {
            "task": {"type": "token-classification", "name": "Named entity recognition"},
            "dataset": {"type": "conflict-ner", "name": f"the run's {split} split", "split": split},
            "metrics": [
                {"type": figure, "name": f"strict {figure}", "value": round(value, 4)}
                for figure in ("precision", "recall", "f1")
                if (value := getattr(report.strict.micro, figure)) is not None
            ],
        }
        for split, report in scores.items()
    ]
    return {**metadata, "model-index": [{"name": name, "results": results}]}


def _usage(name: str, manifest: Manifest) -> str:
    usage = f"""## Use

```python
from conflict_ner import Tagger

tagger = Tagger.load("{name}")
for entity in tagger.tag("At least 19 fighters died in a drone strike near El Fasher."):
    print(entity.label, entity.text, entity.start, entity.end, entity.score)
```
"""
    if manifest.exported:
        return f"{usage}\nThe model is in ONNX form: it needs `onnxruntime`, and neither PyTorch nor transformers.\n"
    strategy = manifest.pipeline.strategy if manifest.pipeline else "first"
    return f"""{usage}
or, for texts that fit one window, in plain transformers:

```python
from transformers import pipeline

tag = pipeline("token-classification", model="{name}", aggregation_strategy="{strategy}")
```
"""


def _training(manifest: Manifest) -> str:
    lines = [f"- encoder: `{manifest.encoder}`, windows of {manifest.window} tokens"]
    for split, facts in manifest.data.items():
        counts = ", ".join(f"{label} {count:,}" for label, count in facts.mentions.items())
        drawn = f" ({facts.drawn})" if facts.drawn else ""
        reports = format_count(facts.documents, "report")
        lines.append(f"- {split}: {reports}{drawn}; mentions: {counts}; sha256 `{facts.sha256[:16]}`")
    epochs, steps = format_count(len(manifest.history), "epoch"), format_count(manifest.steps, "step")
    lines.append(f"- best of {epochs} on validation: {manifest.best_epoch}; {steps}")
    if manifest.averaged_with:
        others = ", ".join(f"`{name}`" for name in manifest.averaged_with)
        lines.append(f"- its weights are the mean of that epoch's and those of {others}; the mean was scored")
    lines.append(f"- trained on {manifest.hardware}; scored in fp32")
    lines.append("- versions: " + ", ".join(f"{library} {version}" for library, version in manifest.versions.items()))
    lines.append("- `run.yaml` is the resolved config; `conflict-ner train run.yaml` trains it again\n")
    return "\n".join(lines)


def _plain_origin(manifest: Manifest, plain: PlainFacts) -> str:
    versions = ", ".join(f"{library} {version}" for library, version in manifest.versions.items())
    return (
        f"Not known: `{plain.source}` is a token classifier of transformers. Its tags are {plain.scheme} tags; "
        f"{plain.reading}. It is read in windows of {manifest.window} tokens.\n\nCopied with {versions}.\n"
    )


def _exported(facts: ExportFacts | None) -> str:
    if facts is None:
        return ""
    return (
        f"## Export\n\nExported as ONNX in {facts.precision}. Compared with the original: {facts.verdict}. "
        "The scores above are the original's, in fp32.\n"
    )


def _calibration(facts: CalibrationFacts | None, scores: Mapping[str, Report]) -> str:
    if facts is None or not facts.fitted_on:
        reason = f" ({facts.note})" if facts else ""
        return f"A mention's score is the mean of its words' probabilities, not calibrated{reason}.\n"
    uncalibrated = {} if facts.ece_before is None else {"validation": f" ({percent(facts.ece_before)} before)"}
    errors = [
        f"{percent(report.calibration.ece)} points on {split}{uncalibrated.get(split, '')}"
        for split, report in scores.items()
        if report.calibration
    ]
    return (
        "A mention's score is the mean of its words' probabilities, calibrated on validation: the logits are "
        f"divided by {facts.temperature:.2f}, in the weights. Expected calibration error: "
        f"{', '.join(errors) or 'n/a'}. On texts unlike these, scores may still be too sure.\n"
    )


def _memory(scores: Mapping[str, Report]) -> str:
    if not any("seen in training" in report.slices for report in scores.values()):
        return ""  # an earlier version wrote no such file
    return (
        "`training_memory.json` holds hashes of the training mentions and of the training and validation "
        "texts, and no text. Hashes of short strings can be guessed: who supposes that a name stood in "
        "training can check it. The model works without the file.\n"
    )


def _pipeline(facts: PipelineFacts | None, window: int) -> str:
    if facts is None or not facts.mentions:
        return f"Plain transformers cuts a text off after {window} tokens; the Tagger does not.\n"
    shared, strategy = facts.shared_mentions, facts.strategy
    return (
        f'Plain `transformers.pipeline` with `aggregation_strategy="{strategy}"` finds '
        f"{percent(shared[strategy] / facts.mentions)} % of the Tagger's {facts.mentions:,} mentions in "
        f"{facts.texts:,} of the evaluated reports, which fit one window. It reads each word's best tag, where the "
        "Tagger reads the most probable tags that spell whole mentions; it cannot end a mention inside what its "
        "tokenizer calls one word, such as `60km`; it lets mentions go on across blank lines; and it "
        "reads typographic dashes and apostrophes, HTML left in a text and digits of other scripts as they are "
        f"written, where the Tagger reads what they show. It cuts a text off after {window} tokens; the Tagger "
        "does not.\n"
    )


def _join_labels(labels: tuple[str, ...]) -> str:
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
