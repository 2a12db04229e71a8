"""One run, said in full: the tree that every YAML under `configs/` is an instance of.

Unknown keys are errors. Paths are relative to the folder of the config file they stand
in (`configfile` makes them absolute on reading and relative again on writing), so a
config means the same wherever the command is run from.

>>> Config(labels=["ACTOR"], data={"train": ["reports"], "validation": ["more"]}, output="models/x").training.epochs
30
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

# Marks the fields whose values are paths, for `configfile`.
RunPath = Annotated[Path, "path"]
# Strict: `epochs: true` is a mistake, not one epoch.
Count = Annotated[int, Field(strict=True, ge=1)]
Rate = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0)]
Share = Annotated[float, Field(strict=True, ge=0, lt=1)]


def _labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    for label in labels:
        # seqeval parts a tag at its hyphens, so a label may have them only inside.
        if not re.fullmatch(r"[^\s()\[\]-]([^\s()\[\]]*[^\s()\[\]-])?", label) or label == "O":
            raise ValueError(f"{label!r} cannot be a label: no spaces, brackets or outer hyphens, and O is taken")
    if len(set(labels)) < len(labels):
        raise ValueError("a label stands twice")
    return labels


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class FoldConfig(_Section):
    """One run of a cross-validation: which of the parts of the training reports is held out."""

    number: Count = Field(description="which part is held out, from 1")
    count: Annotated[int, Field(strict=True, ge=2)] = Field(description="into how many parts the reports are divided")
    group: str | None = Field(None, description="a metadata field whose values are held out whole")

    @model_validator(mode="after")
    def _is_one_of_them(self) -> FoldConfig:
        if self.number > self.count:
            raise ValueError(f"fold {self.number} of {self.count}")
        return self


class ColumnsConfig(_Section):
    """Which columns of a CoNLL file hold the words and the tags, counted from 1."""

    word: Count | None = Field(None, description="the column of the words; null finds it")
    tag: Count | None = Field(None, description="the column of the tags; null finds it")


class DataConfig(_Section):
    """Where the labeled reports are: files, or folders of them; see `corpus` for their forms."""

    train: Annotated[tuple[RunPath, ...], Field(min_length=1)] = Field(
        description="what the model learns from: labeled files, or folders of them", examples=[["data/train"]]
    )
    validation: tuple[RunPath, ...] = Field(
        (),
        description="what the best epoch is chosen by; give files here or validation_share",
        examples=[["data/validation"]],
    )
    test: tuple[RunPath, ...] = Field(
        (), description="scored once, after training; chooses nothing", examples=[["data/test"]]
    )
    validation_share: Annotated[float, Field(strict=True, gt=0, lt=1)] | None = Field(
        None, description="share of the training reports, set aside at random where there are no files for validation"
    )
    train_share: Annotated[float, Field(strict=True, gt=0, le=1)] = Field(
        1.0,
        description="share of the training reports to use, for a learning curve; a smaller share lies within a larger",
    )
    fold: FoldConfig | None = Field(None, description="one run of a cross-validation; `train --folds` sets it")
    strict: bool = Field(
        True, strict=True, description="refuse data with problems; false leaves the faulty reports out"
    )
    allow_copies: bool = Field(
        False, strict=True, description="a text may stand twice, also in two splits, as in some benchmarks"
    )
    guidelines: bool | None = Field(
        None,
        strict=True,
        description="hold the data to the guidelines of this project: no punctuation at the edges of mentions, "
        "no text twice in a split; null does if the labels are exactly ACTOR, WEAPON, LOCATION and NUMBER",
    )
    columns: ColumnsConfig | None = Field(
        None, description="the columns of CoNLL files; without it they are found, and asked for where there is a doubt"
    )

    @field_validator("validation_share")
    @classmethod
    def _one_source_of_validation(cls, share: float | None, info: ValidationInfo) -> float | None:
        if "validation" in info.data and bool(info.data["validation"]) == (share is not None):
            have = "both are given" if share is not None else "neither is given"
            raise ValueError(f"validation names files, or validation_share is set: {have}")
        return share


class EncodingConfig(_Section):
    """How documents are cut for the encoder. Lengths are in subword tokens."""

    window: Annotated[int, Field(strict=True, ge=16)] | None = Field(
        None, description="longest input in tokens, special ones included; null is all that the encoder takes"
    )
    overlap: Annotated[int, Field(strict=True, ge=0)] = Field(128, description="tokens that neighbouring windows share")
    capitals: bool = Field(
        True, strict=True, description="teach an uncased WordPiece encoder to tell capitals; others stay as they are"
    )

    @model_validator(mode="after")
    def _overlap_leaves_progress(self) -> EncodingConfig:
        if self.window is not None and self.overlap * 2 > self.window:
            raise ValueError(f"overlap {self.overlap} is more than half of window {self.window}")
        return self


class TrainingConfig(_Section):
    """Optimisation. Figures are per optimizer step unless a name says otherwise."""

    epochs: Count = Field(30, description="passes over the training reports, at most")
    batch_tokens: Annotated[int, Field(strict=True, ge=16)] = Field(
        1024, description="tokens in a batch on each device; padding comes on top"
    )
    gradient_accumulation: Count = Field(1, description="batches in one optimizer step")
    learning_rate: Rate = Field(1e-4, description="highest learning rate of the encoder")
    head_learning_rate: Rate = Field(1e-3, description="highest learning rate of the new layer on top")
    weight_decay: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0)] = Field(
        0.01, description="weight decay (AdamW)"
    )
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="how the learning rate falls after warm-up"
    )
    warmup: Share = Field(0.1, description="share of all steps in which the learning rate rises")
    max_grad_norm: Annotated[float, Field(strict=True, gt=0)] = Field(
        1.0, description="longest gradient; longer ones are shortened to it"
    )
    dropout: Share = Field(0.1, description="share of hidden values dropped while training")
    attention_dropout: Share = Field(0.1, description="share of attention dropped; 0 is much faster on a CPU")
    freeze_embeddings: bool = Field(
        False, strict=True, description="leave the word embeddings as they are: faster, most so on a CPU"
    )
    freeze_layers: Annotated[int, Field(strict=True, ge=0)] = Field(
        0, description="leave so many of the lowest layers, and all below them, as they are: faster"
    )
    patience: Count | None = Field(
        8, description="epochs without a better validation F1 before stopping; null never stops"
    )
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = Field(
        7, description="of all random choices; the same seed gives the same model on the same machine"
    )
    device: Literal["auto", "cpu"] = Field("auto", description="auto takes a GPU where there is one")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="of the computation; auto is bf16 where that is fast, else fp32"
    )


class Config(_Section):
    """One run: data and encoder in, one checkpoint out."""

    labels: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_labels)] = Field(
        description="the names of the labels, as they stand in the labeled reports",
        examples=[["ACTOR", "WEAPON", "LOCATION", "NUMBER"]],
    )
    encoder: str = Field(
        "minilm",
        min_length=1,
        description="the pretrained encoder: a bundled name, such as minilm or mpnet, a folder, or a hub id",
    )
    data: DataConfig = Field(description="the labeled reports")
    encoding: EncodingConfig = Field(EncodingConfig(), description="how reports are cut for the encoder")
    training: TrainingConfig = Field(TrainingConfig(), description="how the model is optimized")
    output: RunPath = Field(
        description="the folder that the checkpoint is written to, with what belongs to it beside it",
        examples=["models/mine"],
    )
