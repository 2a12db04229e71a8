"""The schema of a run's config: sections of settings, each with its meaning, its bounds and its default."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from conflict_ner.config.search import SearchConfig, check_searched
from conflict_ner.yaml_io import Encoder, RunPath, Switch

Count = Annotated[int, Field(strict=True, ge=1)]
Rate = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0)]
Tracker = Literal["tensorboard", "mlflow", "wandb", "trackio"]
Share = Annotated[float, Field(strict=True, ge=0, lt=1)]


def check_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of labels unchanged.

    Raises:
        ValueError: if one cannot be the name of a label, or appears twice.
    """
    for label in labels:
        # seqeval splits a tag at its hyphens, so a label may have them only inside.
        if not re.fullmatch(r"[^\s()\[\]-]([^\s()\[\]]*[^\s()\[\]-])?", label) or label == "O":
            raise ValueError(f"{label!r} cannot be a label: no spaces, brackets or outer hyphens, and O is taken")
        if not all(label.split(".")):
            raise ValueError(f"{label!r} cannot be a label: a level is empty, before or after a period")
    if len(set(labels)) < len(labels):
        raise ValueError("a label appears twice")
    return labels


def _as_tuple(value: object) -> object:
    """Read one path as a list of one."""
    return (value,) if isinstance(value, str | Path) else value


Paths = Annotated[tuple[RunPath, ...], BeforeValidator(_as_tuple)]


def _check_layers(layers: object) -> object:
    numbers = layers if isinstance(layers, list | tuple) else [layers]
    if layers is not None and not (numbers and all(type(number) is int and number > 0 for number in numbers)):
        raise ValueError("must be how many layers to keep, such as 3, or a list of their numbers, such as [1, 3, 6]")
    return layers


_DRAWN_SHARE = 0.2  # of the training reports, for validation, where nothing else is said


def _without_repetition(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class FoldConfig(_Section):
    """One run of a cross-validation: which part of the training reports is held out."""

    number: Count = Field(description="which part is held out, from 1")
    count: Annotated[int, Field(strict=True, ge=2)] = Field(
        description="number of parts that the reports are divided into"
    )
    group: str | None = Field(None, description="a metadata field whose values are never divided between parts")

    @model_validator(mode="after")
    def _check_number(self) -> FoldConfig:
        if self.number > self.count:
            raise ValueError(f"fold {self.number} of {self.count}")
        return self


class ColumnsConfig(_Section):
    """The columns of a CoNLL file that hold the words and the tags, counted from 1."""

    word: Count | None = Field(None, description="the column of the words; null finds it")
    tag: Count | None = Field(None, description="the column of the tags; null finds it")


class DataConfig(_Section):
    """The labeled reports: files, or folders of files; see `corpus` for their formats."""

    train: Annotated[Paths, Field(min_length=1)] = Field(
        description="what the model learns from: labeled files, or folders of them", examples=[["data/train"]]
    )
    validation: Paths = Field(
        (),
        description="what the best epoch is chosen by; give files here or validation_share",
        examples=[["data/validation"]],
    )
    test: Paths = Field((), description="scored once, after training; chooses nothing", examples=[["data/test"]])
    unlabeled: Paths = Field(
        (),
        description="texts without labels, in any form that `tag` reads, for which the teacher's answers are learned; "
        "needs training.teacher",
    )
    validation_share: Annotated[float, Field(strict=True, gt=0, lt=1)] | None = Field(
        None,
        description="share of the training reports that is held out at random for validation, instead of files; where "
        "validation names none, null is 0.2",
    )
    train_share: Annotated[float, Field(strict=True, gt=0, le=1)] = Field(
        1.0,
        description="share of the training reports to use, for a learning curve; a smaller share lies within a larger",
    )
    silver_share: Annotated[float, Field(strict=True, gt=0, le=1)] = Field(
        1.0, description="share of the silver reports (labeled by a model) among the training reports to use"
    )
    fold: FoldConfig | None = Field(None, description="one run of a cross-validation; `train --folds` sets it")
    strict: Switch = Field(True, description="refuse data with problems; false leaves the faulty reports out")
    trim: Switch = Field(
        False,
        description="leave white space and punctuation at the edges of mentions outside, and say how many had some; "
        "otherwise they are problems",
    )
    allow_copies: Switch = Field(
        False,
        description="allow copies of a text, also in two splits, as in some benchmarks; drawn validation and folds may "
        "divide them",
    )
    guidelines: Switch | None = Field(
        None,
        description="check the data against the guidelines of this project: no punctuation at the edges of mentions, "
        "no text twice in a split; null checks if the labels are exactly ACTOR, WEAPON, LOCATION and NUMBER",
    )
    columns: ColumnsConfig | None = Field(
        None, description="the columns of CoNLL files; null finds them, and it is an error if they are ambiguous"
    )
    scheme: str | None = Field(
        None,
        description="the scheme of the tags of words, such as IOB1 or BIOES; null lets the tags decide, and it "
        "is an error if they do not",
    )
    tag_names: tuple[str, ...] | None = Field(
        None, description="the names of tags that are numbers, in their order from 0; null takes those in the file"
    )
    annotator: str | None = Field(
        None, description="whose annotations to read, where several people labeled a report and differ"
    )
    predictions: Switch = Field(False, description="read a model's predictions instead of the annotations")
    skipped: Switch = Field(False, description="also read reports that annotators skipped, cancelled or rejected")
    hull: Switch = Field(False, description="read a mention of several parts as one, from the first part to the last")
    layer: str | None = Field(
        None, description="the layer of INCEpTION that holds the mentions, or LAYER.FEATURE; null takes the only one"
    )

    @field_validator("validation_share")
    @classmethod
    def _check_validation(cls, share: float | None, info: ValidationInfo) -> float | None:
        if "validation" not in info.data:
            return share
        if info.data["validation"] and share is not None:
            raise ValueError("validation names files, or validation_share is set: both are given")
        return share if info.data["validation"] or share is not None else _DRAWN_SHARE


class EncodingConfig(_Section):
    """How documents are split into windows for the encoder; lengths are in subword tokens."""

    window: Annotated[int, Field(strict=True, ge=16)] | None = Field(
        None, description="longest input in tokens, special ones included; null is all that the encoder takes"
    )
    overlap: Annotated[int, Field(strict=True, ge=0)] = Field(128, description="tokens that neighboring windows share")
    capitals: Switch = Field(
        True, description="let an uncased WordPiece encoder distinguish capitals; other encoders are unchanged"
    )

    @model_validator(mode="after")
    def _check_overlap(self) -> EncodingConfig:
        if self.window is not None and self.overlap * 2 > self.window:
            raise ValueError(f"overlap {self.overlap} is more than half of window {self.window}")
        return self


class TrainingConfig(_Section):
    """Optimization; numbers are per optimizer step unless a name says otherwise."""

    epochs: Count = Field(30, description="passes over the training reports, at most")
    batch_tokens: Annotated[int, Field(strict=True, ge=16)] = Field(
        1024, description="tokens in a batch on each device, padding not counted"
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
        1.0, description="largest norm of the gradient; larger gradients are scaled down to it"
    )
    dropout: Share = Field(0.1, description="share of hidden values dropped while training")
    attention_dropout: Share = Field(0.1, description="share of attention dropped; 0 is much faster on a CPU")
    freeze_embeddings: Switch = Field(
        False, description="keep the word embeddings as they were pretrained: faster, above all on a CPU"
    )
    freeze_layers: Annotated[int, Field(strict=True, ge=0)] = Field(
        0, description="number of lowest layers to keep as they were pretrained, with all below them: faster"
    )
    patience: Count | None = Field(
        8, description="epochs without a better validation F1 before stopping; null never stops"
    )
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = Field(
        7, description="seed of all random choices; the same seed gives the same model on the same machine"
    )
    teacher: Annotated[tuple[RunPath, ...], BeforeValidator(_as_tuple)] = Field(
        (),
        description="checkpoints whose answers the model learns beside the labels (knowledge distillation); "
        "the answers of several are averaged",
    )
    teacher_temperature: Rate = Field(2.0, description="the teacher's answers are softened by this; 1 leaves them")
    teacher_weight: Annotated[float, Field(strict=True, gt=0, le=1)] = Field(
        0.5, description="share of the loss of labeled words that is the teacher's; of unlabeled words it is all"
    )
    average_with: Annotated[tuple[RunPath, ...], BeforeValidator(_as_tuple), AfterValidator(_without_repetition)] = (
        Field(
            (),
            description="checkpoints of the same labels and encoder whose weights are averaged with the best epoch's, "
            "in equal shares, when it is exported (model soup)",
        )
    )
    report_to: Annotated[tuple[Tracker, ...], BeforeValidator(_as_tuple), AfterValidator(_without_repetition)] = Field(
        (),
        description="tools that follow the run: the loss of each step, validation by label, the config, the hash of "
        "the weights",
    )
    device: Literal["auto", "cpu"] = Field("auto", description="auto takes a GPU where there is one")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="number format of the computation; auto is bf16 where that is fast, else fp32"
    )
    torch_dtype: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="number format in which weights and the optimizer's states are kept; bfloat16, with precision: "
        "bf16, halves their memory for large encoders, and small steps are lost in rounding",
    )
    gradient_checkpointing: Switch = Field(
        False,
        description="compute activations again for the gradient instead of keeping them: a fraction of the memory, "
        "about a third more time, the same model",
    )
    sharded: Switch = Field(
        False,
        description="divide weights, gradients and the optimizer's states among the GPUs of `accelerate launch` "
        "(FSDP), for encoders that are too large for one; otherwise each has all of them (DDP)",
    )

    @model_validator(mode="after")
    def _check_dtype(self) -> TrainingConfig:
        if self.torch_dtype == "bfloat16" and self.precision != "bf16":
            raise ValueError(f"torch_dtype: bfloat16 needs precision: bf16, not {self.precision}")
        return self


class ValuesConfig(_Section):
    """Which labels have a value or a kind (`tag --values`); a label stands for the labels below it too."""

    number: str | None = Field(None, description="the label of numbers; null is NUMBER, if there is such a label")
    weapon: str | None = Field(None, description="the label of weapons; null is WEAPON, if there is such a label")


class Config(_Section):
    """The config of one run, which trains one checkpoint from data and an encoder."""

    labels: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(check_labels)] = Field(
        description="the names of the labels, as they are written in the labeled reports",
        examples=[["ACTOR", "WEAPON", "LOCATION", "NUMBER"]],
    )
    encoder: Encoder = Field(
        "minilm",
        min_length=1,
        description="the pretrained encoder: a bundled name, such as minilm or mpnet, a folder, or a hub id",
    )
    encoder_layers: Annotated[Count | tuple[Count, ...] | None, BeforeValidator(_check_layers)] = Field(
        None,
        description="keep only so many of the encoder's layers, spread evenly, or those with these numbers, from 1: "
        "a smaller and faster model; null keeps all",
    )
    data: DataConfig = Field(description="the labeled reports")
    encoding: EncodingConfig = Field(EncodingConfig(), description="how reports are cut for the encoder")
    training: TrainingConfig = Field(TrainingConfig(), description="how the model is optimized")
    values: ValuesConfig = Field(ValuesConfig(), description="which labels are numbers and weapons")
    search: SearchConfig = Field(
        SearchConfig(), description="what `train --search` varies; no other command looks at it"
    )
    output: RunPath = Field(
        description="the folder that the checkpoint is written to; files that belong to it are written next to it",
        examples=["models/mine"],
    )

    @field_validator("output")
    @classmethod
    def _check_output(cls, output: Path) -> Path:
        if not output.name:
            raise ValueError("must be a folder with a name")
        return output

    @field_validator("search")
    @classmethod
    def _check_search(cls, search: SearchConfig) -> SearchConfig:
        return check_searched(cls, search)


def section_model(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a field that is a section of settings, else None."""
    if get_origin(field.annotation) is Mapping:  # of names that are not settings
        return None
    types = [field.annotation, *get_args(field.annotation)]
    return next((kind for kind in types if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def setting_keys(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[str]:
    """Yield the dotted key of every setting and every section, in the order of the schema."""
    for name, field in model.model_fields.items():
        yield prefix + name
        if section := section_model(field):
            yield from setting_keys(section, f"{prefix}{name}.")
