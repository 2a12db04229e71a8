"""Keeps environment variables from changing how training computes, and starts its processes.

accelerate reads variables that its launcher, `accelerate config` or a user has set. Some of them change the
precision, compile the model or shard it, so two runs of one config would differ for no visible reason. A variable
that asks for a training mode which this package does not have is refused. Other variables are removed while a run
lasts, with a note, except those by which processes find each other. Variables of the libraries below PyTorch cannot
be removed, because those libraries have read them already; the checkpoint records them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from accelerate import DistributedType, PartialState

from conflict_ner.config import TrainingConfig
from conflict_ner.errors import TrainingError
from conflict_ner.modeling.device import Hardware

_MODES = {
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "other than data parallelism",
    "ACCELERATE_USE_SAGEMAKER": "SageMaker",
}
_FSDP = "ACCELERATE_USE_FSDP"
_PREFIXES = ("ACCELERATE_", "FSDP_")
_PRECISION = "ACCELERATE_MIXED_PRECISION"
# With these accelerate joins GPUs so that whole states can also pass through main memory.
_FULL_STATES = {_FSDP: "true", "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT"}
# These say where processes run and messages go, not what is computed.
_HARMLESS = {
    f"ACCELERATE_{name}" for name in ("CPU_AFFINITY", "DEBUG_MODE", "DEBUG_RDV_FILE", "ENABLE_RICH", "LOG_LEVEL")
}
_OFF_VALUES = {"", "0", "f", "false", "n", "no", "none", "off", "default"}
_LAUNCHER_NUMBERS = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
_LAUNCH_ADVICE = (
    "start several processes with `accelerate launch --multi_gpu -m conflict_ner train CONFIG`, and one without these "
    "variables"
)
# By device: variables by which the libraries below PyTorch round fp32 products, and their values that change nothing.
_ROUNDING_VARIABLES = {
    "cuda": {"NVIDIA_TF32_OVERRIDE": {"", "0"}, "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": {"", "0"}},
    "cpu": {"ONEDNN_DEFAULT_FPMATH_MODE": {"", "strict"}, "DNNL_DEFAULT_FPMATH_MODE": {"", "strict"}},
}


@contextmanager
def config_decides(hardware: Hardware, settings: TrainingConfig | None = None) -> Iterator[Sequence[str]]:
    """Remove accelerate's variables within the block, and yield a note for each that would have changed something.

    Args:
        settings: of the run; None: the defaults.

    Raises:
        TrainingError: if a variable asks for a training mode that this package does not have.
    """
    settings = settings or TrainingConfig()
    before = {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)}
    if before.get(_FSDP, "").strip().lower() not in _OFF_VALUES and not settings.sharded:
        raise TrainingError(
            f"{_FSDP}={before[_FSDP]}: the config decides whether the model is sharded; set training.sharded: true, or "
            "leave the option out of `accelerate launch` and of what `accelerate config` has saved"
        )
    for name, mode in _MODES.items():
        if before.get(name, "").strip().lower() not in _OFF_VALUES:
            raise TrainingError(
                f"{name}={before[name]}: conflict-ner does not train with {mode}; unset the variable, or leave the "
                "option out of `accelerate launch` and of what `accelerate config` has saved"
            )
    removed = {name: value for name, value in before.items() if name not in _HARMLESS}
    for name in removed:
        del os.environ[name]
    os.environ[_PRECISION] = autocast_precision(hardware, settings)
    try:
        yield [
            *_notes(removed, hardware),
            *(
                f"{setting} may change how products are rounded; the checkpoint says so"
                for setting in rounding_variables(hardware)
            ),
        ]
    finally:
        # The Trainer sets some itself; the next run must not mistake them for the user's.
        for name in [name for name in os.environ if name.startswith(_PREFIXES)]:
            del os.environ[name]
        os.environ.update(before)


def autocast_precision(hardware: Hardware, settings: TrainingConfig) -> str:
    """Return the number format in which accelerate is to compute, in its own terms; weights in bf16 need none."""
    return "no" if hardware.precision == "fp32" or settings.torch_dtype != "float32" else hardware.precision


def is_sharded(settings: TrainingConfig, processes: PartialState) -> bool:
    """Return whether the model is divided among processes; accelerate does so on GPUs alone."""
    is_on_cpus = processes.distributed_type == DistributedType.MULTI_CPU
    return settings.sharded and processes.num_processes > 1 and not is_on_cpus


def _notes(removed: dict[str, str], hardware: Hardware) -> Iterator[str]:
    if any(name.startswith("FSDP_") for name in removed) and _FSDP in removed:
        yield "options for FSDP in the environment are not used: training.sharded in the config decides"
    for name, value in sorted(removed.items()):
        setting = value.strip().lower()
        if name.startswith("FSDP_") or name == _FSDP:
            continue
        if name == _PRECISION:
            if setting not in (hardware.precision, "no" if hardware.precision == "fp32" else "", ""):
                yield f"{name}={value} is not used: the config decides, training.precision is {hardware.precision}"
        elif setting not in _OFF_VALUES and not (name == "ACCELERATE_USE_CPU" and hardware.device == "cpu"):
            if name == "ACCELERATE_GRADIENT_ACCUMULATION_STEPS" and setting == "1":
                continue
            yield f"{name}={value} is not used: the config decides how training computes"


def rounding_variables(hardware: Hardware) -> list[str]:
    """Return the variables, as NAME=VALUE, by which a library below PyTorch rounds products differently on a device."""
    variables = _ROUNDING_VARIABLES.get(hardware.device, {})
    return [
        f"{name}={os.environ[name]}"
        for name, neutral_values in variables.items()
        if os.environ.get(name, "").strip().lower() not in neutral_values
    ]


def start_processes(device: str, *, sharded: bool = False) -> PartialState:
    """Join the processes that train together; a process that no launcher has started is alone.

    Args:
        sharded: the model is to be divided among them.

    Raises:
        TrainingError: if a launcher's variables are wrong or incomplete.
    """
    before = dict(os.environ)
    if not PartialState._shared_state:
        _refuse_incomplete_launch()
    if sharded and device != "cpu":
        os.environ.update(_FULL_STATES)
    try:
        return PartialState(cpu=device == "cpu")
    except Exception as error:  # each backend raises its own kind
        PartialState._reset_state()
        os.environ.clear()  # accelerate sets some variables before it fails
        os.environ.update(before)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise TrainingError(f"the processes of training cannot be started: {reason}; {_LAUNCH_ADVICE}") from error
    finally:
        for name in _FULL_STATES.keys() - before.keys():
            os.environ.pop(name, None)


def _refuse_incomplete_launch() -> None:
    numbers = {name: os.environ[name] for name in _LAUNCHER_NUMBERS if name in os.environ}
    shown = ", ".join(f"{name}={value}" for name, value in numbers.items())
    for name, value in numbers.items():
        if not re.fullmatch(r"-1|[0-9]{1,6}", value):
            raise TrainingError(f"{name}={value!r} in the environment is not a number; {_LAUNCH_ADVICE}")
    world, rank = int(numbers.get("WORLD_SIZE", 1)), int(numbers.get("RANK", 0))
    if world > 1 and "RANK" not in numbers:
        raise TrainingError(f"{shown} in the environment, but no RANK; {_LAUNCH_ADVICE}")
    if world > 1 and not os.environ.get("MASTER_ADDR"):
        raise TrainingError(
            f"{shown} in the environment, but no MASTER_ADDR: no launcher started this process; {_LAUNCH_ADVICE}"
        )
    if rank >= max(world, 1):
        raise TrainingError(f"{shown} in the environment: RANK must be less than WORLD_SIZE; {_LAUNCH_ADVICE}")
