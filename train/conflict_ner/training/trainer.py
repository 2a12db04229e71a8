"""Fine-tunes a token-classification model with transformers' Trainer.

Beyond the Trainer's ordinary settings there are batches by a token budget, a separate learning
rate for the new head, a loss that is the mean over labeled words whatever batches and devices
they fall into, and a validation that scores whole documents. Every epoch ends with one
validation and one saved state; training that was killed goes on from the last complete state
and ends with the same weights.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from torch import nn
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from conflict_ner.config import TrainingConfig
from conflict_ner.errors import TrainingError
from conflict_ner.modeling.device import Hardware
from conflict_ner.modeling.encoder import move_to_device
from conflict_ner.modeling.layers import checkpoint_activations, find_layers
from conflict_ner.modeling.tokenization import IGNORED
from conflict_ner.training.distillation import UNLABELED
from conflict_ner.training.environment import autocast_precision, is_sharded
from conflict_ner.training.history import METRIC, Epoch, best_epoch, epochs, is_over, last_state
from conflict_ner.training.sampler import TokenBudgetSampler, pad

if TYPE_CHECKING:
    import datasets

Validate = Callable[[PreTrainedModel], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class TrainResult:
    """The best epoch's weights and the history of the run.

    state: folder of the weights, which `from_pretrained` loads.
    history: one mapping per epoch, with `epoch`, `loss` (mean over labeled words) and the
        figures of the validation.
    steps: of the whole run.
    """

    state: Path
    history: tuple[Epoch, ...]
    best_epoch: int
    steps: int


def fit(
    model: PreTrainedModel,
    windows: datasets.Dataset,
    settings: TrainingConfig,
    hardware: Hardware,
    folder: Path,
    validate: Validate,
    *,
    resume: bool = False,
    callbacks: Sequence[TrainerCallback] = (),
) -> TrainResult:
    """Train until the last epoch, or until validation stops improving.

    Args:
        windows: columns `input_ids` and `labels`, of equal length in each row, and with a teacher its answers in
            `teacher` (see `distillation`).
        folder: where states are saved; the caller creates and removes it.
        validate: scores the model on whole documents; must return `strict_f1`.
        resume: go on from the folder's last complete state, if it has one.

    Raises:
        TrainingError: if the loss is not a finite number, or no state was saved.
    """
    state = last_state(folder) if resume else None
    history = state.history if state else ()
    if len(history) < settings.epochs and not is_over(history, settings.patience):
        trainer = _Trainer(model, windows, settings, hardware, folder, validate, callbacks)
        trainer.train(resume_from_checkpoint=str(state.folder) if state else None)
        trainer.accelerator.wait_for_everyone()  # the first process may still be writing the last state
        state = last_state(folder)
    if state is None:
        raise TrainingError(f"no state was saved in {folder}")
    return TrainResult(state.best, state.history, best_epoch(state.history), state.step)


class _Trainer(Trainer):
    def __init__(
        self,
        model: PreTrainedModel,
        windows: datasets.Dataset,
        settings: TrainingConfig,
        hardware: Hardware,
        folder: Path,
        validate: Validate,
        callbacks: Sequence[TrainerCallback],
    ) -> None:
        self.settings = settings
        self.validate = validate
        self.windows = windows
        self.network = model  # not wrapped for several devices
        processes = PartialState(cpu=hardware.device == "cpu")
        self.is_divided = is_sharded(settings, processes)
        # What is validated is the model that is exported: whole, and in fp32.
        self.needs_copy = self.is_divided or settings.torch_dtype != "float32"
        self.whole = nn.Module.float(copy.deepcopy(model)) if self.needs_copy and processes.is_main_process else None
        if settings.gradient_checkpointing and not self.is_divided:  # FSDP has its own
            checkpoint_activations(model)
        self.answers: torch.Tensor | None = None  # the teacher's, of the current batch
        padding = model.config.pad_token_id or 0
        super().__init__(
            model=model,
            args=_arguments(settings, hardware, folder, _fsdp_options(model, settings) if self.is_divided else None),
            train_dataset=windows,
            eval_dataset=windows,  # required but not read: `evaluate` scores documents
            data_collator=lambda rows: _collate(rows, padding, len(model.config.id2label or ())),
            compute_loss_func=self._mean_loss,
            callbacks=[*callbacks, _EarlyStop(settings.patience)],
        )
        self.remove_callback(PrinterCallback)

    def get_train_dataloader(self) -> DataLoader[Any]:
        sampler = TokenBudgetSampler(
            window_lengths(self.windows),
            self.settings.batch_tokens,
            self.settings.seed,
            self.accelerator.num_processes,
        )
        loader = DataLoader(
            self.windows,
            batch_sampler=sampler,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )
        return self.accelerator.prepare(loader)  # type: ignore[no-any-return]

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        self.answers = inputs.pop("teacher", None)  # the model takes no such input
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def _mean_loss(
        self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        if self.answers is None:
            return _loss(outputs, labels, num_items_in_batch)
        settings = self.settings
        return distillation_loss(
            outputs, labels, self.answers, settings.teacher_temperature, settings.teacher_weight, num_items_in_batch
        )

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            network, settings = self.network, self.settings
            decayed = set(self.get_decay_parameter_names(network))
            groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
            for name, parameter in network.named_parameters():
                if parameter.requires_grad:
                    group = (name.startswith(f"{network.base_model_prefix}."), name in decayed)
                    groups.setdefault(group, []).append(parameter)
            optimizer_class, options = self.get_optimizer_cls_and_kwargs(self.args, network)
            self.optimizer = optimizer_class(
                [
                    {
                        "params": parameters,
                        "lr": settings.learning_rate if in_encoder else settings.head_learning_rate,
                        "weight_decay": settings.weight_decay if decays else 0.0,
                    }
                    for (in_encoder, decays), parameters in groups.items()
                ],
                **options,
            )
        optimizer: torch.optim.Optimizer = self.optimizer
        return optimizer

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Score whole documents in the main process, whose figures all processes then use."""
        if not all(math.isfinite(entry.get("loss", 0.0)) for entry in self.state.log_history):
            raise TrainingError(
                "the loss is no longer a number; lower training.learning_rate, or set training.precision: fp32"
            )
        figures: list[dict[str, float] | None] = [None]
        weights: Mapping[str, torch.Tensor] = {}
        if self.needs_copy:  # all processes send their share of the weights
            weights = self.accelerator.get_state_dict(self.model) if self.is_divided else self.network.state_dict()
        if self.is_world_process_zero():
            with self._exported(weights) as model:
                figures = [{f"eval_{name}": float(value) for name, value in self.validate(model).items()}]
        broadcast_object_list(figures)
        metrics = figures[0] or {}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    @contextmanager
    def _exported(self, weights: Mapping[str, torch.Tensor]) -> Iterator[PreTrainedModel]:
        """Yield the model as it would be exported now: the one that is trained, or its copy with these weights."""
        if self.whole is None:
            with _in_full_precision(self.network):
                yield self.network
            return
        self.whole.load_state_dict(weights)
        yield move_to_device(self.whole, str(self.args.device))
        move_to_device(self.whole, "cpu")


@contextmanager
def _in_full_precision(model: PreTrainedModel) -> Iterator[None]:
    """Remove the mixed precision that accelerate wraps around `forward`.

    Epochs are compared by what the exported model predicts, which is in fp32.
    """
    mixed_forward = model.__dict__.pop("forward", None)
    try:
        yield
    finally:
        if mixed_forward is not None:
            model.forward = mixed_forward


class _EarlyStop(TrainerCallback):
    """Stops training when `is_over` is true. Keeps no state, because a resumed run reads the same history."""

    def __init__(self, patience: int | None) -> None:
        self.patience = patience

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if is_over(epochs(state.log_history), self.patience):
            control.should_training_stop = True


def _fsdp_options(model: PreTrainedModel, settings: TrainingConfig) -> dict[str, Any]:
    """Return the options of FSDP in transformers' terms; the states that it saves are whole."""
    return {
        "version": 2,
        "state_dict_type": "FULL_STATE_DICT",
        "transformer_layer_cls_to_wrap": [type(find_layers(model)[0]).__name__],
        "activation_checkpointing": settings.gradient_checkpointing,
    }


def _arguments(
    settings: TrainingConfig, hardware: Hardware, folder: Path, fsdp: dict[str, Any] | None
) -> TrainingArguments:
    precision = autocast_precision(hardware, settings)
    sharding: dict[str, Any] = {"fsdp": True, "fsdp_config": fsdp} if fsdp else {}
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        gradient_accumulation_steps=settings.gradient_accumulation,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        lr_scheduler_type=settings.schedule if settings.schedule != "constant" else "constant_with_warmup",
        warmup_steps=settings.warmup,  # below 1 it is a share of all steps
        max_grad_norm=settings.max_grad_norm,
        seed=settings.seed,
        use_cpu=hardware.device == "cpu",
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        **sharding,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="steps",
        logging_steps=1,
        save_total_limit=2,  # the best state and the last
        metric_for_best_model=METRIC,
        greater_is_better=True,
        # Batches differ in size, so accelerate must not fill the last ones with repeated windows.
        accelerator_config={"even_batches": False},
        dataloader_pin_memory=hardware.device == "cuda",
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        ddp_find_unused_parameters=False,
        report_to="none",
    )
    if arguments.n_gpu > 1:
        # Without a launcher the Trainer would split each batch among all GPUs (DataParallel) and
        # scale our loss, which is a mean already, by their number. One process uses one GPU.
        arguments._n_gpu = 1
    return arguments


def window_lengths(windows: datasets.Dataset) -> list[int]:
    """Return the number of tokens of each window, without reading the tokens into memory."""
    import pyarrow.compute as pc

    lengths: list[int] = pc.list_value_length(windows.data.column("input_ids")).to_pylist()
    return lengths


def _collate(rows: Sequence[Mapping[str, Sequence[Any]]], padding: int, tags: int) -> dict[str, torch.Tensor]:
    batch = {
        "input_ids": pad([row["input_ids"] for row in rows], padding),
        "attention_mask": pad([[1] * len(row["input_ids"]) for row in rows], 0),
        "labels": pad([row["labels"] for row in rows], IGNORED),
    }
    if "teacher" in rows[0]:
        answers = [torch.tensor(row["teacher"], dtype=torch.float32).view(-1, tags) for row in rows]
        batch["teacher"] = torch.cat(answers)
    return batch


def _loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None) -> torch.Tensor:
    """Return the cross entropy, as a mean over the labeled words of the whole step and not of one batch in it."""
    logits = outputs["logits"].float()
    total = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    count = num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum()
    # A batch may have no labeled word (a window inside one very long word): the loss is then 0, not 0 / 0.
    return total / torch.as_tensor(count).clamp(min=1)


def distillation_loss(
    outputs: Any,
    labels: torch.Tensor,
    answers: torch.Tensor,
    temperature: float,
    weight: float,
    num_items_in_batch: torch.Tensor | int | None = None,
) -> torch.Tensor:
    """Return the mean over words of the cross entropies with the labels and with the teacher's answers.

    The teacher's is multiplied by the squared temperature, so that its gradient has the same size at any temperature
    (Hinton et al., 2015).

    Args:
        labels: shape (windows, length); IGNORED is no word, UNLABELED a word with the teacher's answer alone.
        answers: the softened probabilities of these words' tags, shape (words, tags); zeros where there is no answer.
        weight: the share of the teacher in the loss of words that have a label.
        num_items_in_batch: the words of the whole step; None: those of this batch.
    """
    is_word = labels != IGNORED
    logits, labels = outputs["logits"].float()[is_word], labels[is_word]
    is_labeled, is_answered = labels != UNLABELED, answers.sum(-1) > 0
    share = torch.where(is_labeled, weight, 1.0) * is_answered
    hard = nn.functional.cross_entropy(logits, labels.clamp(min=0), reduction="none") * is_labeled
    soft = -(answers * (logits / temperature).log_softmax(-1)).sum(-1) * temperature**2
    total: torch.Tensor = ((1 - share) * hard + share * soft).sum()
    count = num_items_in_batch if num_items_in_batch is not None else is_word.sum()
    return total / torch.as_tensor(count).clamp(min=1)
