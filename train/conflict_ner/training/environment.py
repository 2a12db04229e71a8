"""Let the config decide how training computes, whatever the environment says, and start its processes.

accelerate reads variables that its launcher sets, and anybody's who has set them: some change the precision,
compile the model or shard it. Then two runs of one config would differ, and nothing would say why. A mode of
training that this package does not have is refused, other variables are set aside while a run lasts, with a
note; those that tell processes of each other are left alone. Variables of the libraries below PyTorch, which
have read them already, are named in the checkpoint.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from accelerate import PartialState

from conflict_ner.errors import TrainingError
from conflict_ner.modeling.device import Hardware

_MODES = {
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_FSDP": "fully sharded data parallelism",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "other than data parallelism",
    "ACCELERATE_USE_SAGEMAKER": "SageMaker",
}
_PRECISION = "ACCELERATE_MIXED_PRECISION"
# Where processes and messages go, not what is computed.
_KEPT = {f"ACCELERATE_{name}" for name in ("CPU_AFFINITY", "DEBUG_MODE", "DEBUG_RDV_FILE", "ENABLE_RICH", "LOG_LEVEL")}
_NOTHING = {"", "0", "f", "false", "n", "no", "none", "off", "default"}  # values that ask for nothing
_NUMBERS = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
_LAUNCH = (
    "start several processes with `accelerate launch -m conflict_ner train CONFIG`, and one without these variables"
)
# By device: what changes how the libraries below PyTorch round the products of fp32, and values that do not.
_ROUNDING = {
    "cuda": {"NVIDIA_TF32_OVERRIDE": {"", "0"}, "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": {"", "0"}},
    "cpu": {"ONEDNN_DEFAULT_FPMATH_MODE": {"", "strict"}, "DNNL_DEFAULT_FPMATH_MODE": {"", "strict"}},
}


@contextmanager
def config_decides(hardware: Hardware) -> Iterator[Sequence[str]]:
    """Set accelerate's variables aside in the block; gives a note for each that would have changed something.

    Raises:
        TrainingError: if one asks for a mode of training that this package does not have.
    """
    before = {name: value for name, value in os.environ.items() if name.startswith("ACCELERATE_")}
    for name, mode in _MODES.items():
        if before.get(name, "").strip().lower() not in _NOTHING:
            raise TrainingError(
                f"{name}={before[name]}: conflict-ner does not train with {mode}; unset the variable, or leave the "
                "option out of `accelerate launch` and of what `accelerate config` has saved"
            )
    precision = hardware.precision if hardware.precision != "fp32" else "no"
    aside = {name: value for name, value in before.items() if name not in _KEPT}
    for name in aside:
        del os.environ[name]
    os.environ[_PRECISION] = precision
    try:
        yield [
            *_notes(aside, hardware),
            *(f"{each} may change how products are rounded; the checkpoint says so" for each in rounding(hardware)),
        ]
    finally:
        # The Trainer sets some itself, which the next run must not take for the user's.
        for name in [name for name in os.environ if name.startswith("ACCELERATE_")]:
            del os.environ[name]
        os.environ.update(before)


def _notes(aside: dict[str, str], hardware: Hardware) -> Iterator[str]:
    for name, value in sorted(aside.items()):
        said = value.strip().lower()
        if name == _PRECISION:
            if said not in (hardware.precision, "no" if hardware.precision == "fp32" else "", ""):
                yield f"{name}={value} is not used: the config decides, training.precision is {hardware.precision}"
        elif said not in _NOTHING and not (name == "ACCELERATE_USE_CPU" and hardware.device == "cpu"):
            if name == "ACCELERATE_GRADIENT_ACCUMULATION_STEPS" and said == "1":
                continue
            yield f"{name}={value} is not used: the config decides how training computes"


def rounding(hardware: Hardware) -> list[str]:
    """Variables, with their values, by which a library below PyTorch rounds products otherwise on this device."""
    settings = _ROUNDING.get(hardware.device, {})
    return [
        f"{name}={os.environ[name]}"
        for name, plain in settings.items()
        if os.environ.get(name, "").strip().lower() not in plain
    ]


def start_processes(device: str) -> PartialState:
    """Join the processes of this training; one alone where no launcher has started it.

    Raises:
        TrainingError: if the variables of a launcher are there, and wrong or not all of them.
    """
    before = dict(os.environ)
    if not PartialState._shared_state:
        _refuse_half_a_launch()
    try:
        return PartialState(cpu=device == "cpu")
    except Exception as error:  # each backend has its own
        PartialState._reset_state()
        os.environ.clear()  # accelerate fills some in before it fails
        os.environ.update(before)
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise TrainingError(f"the processes of training cannot be started: {first}; {_LAUNCH}") from error


def _refuse_half_a_launch() -> None:
    given = {name: os.environ[name] for name in _NUMBERS if name in os.environ}
    said = ", ".join(f"{name}={value}" for name, value in given.items())
    for name, value in given.items():
        if not re.fullmatch(r"-1|[0-9]{1,6}", value):
            raise TrainingError(f"{name}={value!r} in the environment is not a number; {_LAUNCH}")
    world, rank = int(given.get("WORLD_SIZE", 1)), int(given.get("RANK", 0))
    if world > 1 and "RANK" not in given:
        raise TrainingError(f"{said} in the environment, but no RANK; {_LAUNCH}")
    if world > 1 and not os.environ.get("MASTER_ADDR"):
        raise TrainingError(
            f"{said} in the environment, but no MASTER_ADDR: no launcher started this process; {_LAUNCH}"
        )
    if rank >= max(world, 1):
        raise TrainingError(f"{said} in the environment: RANK must be less than WORLD_SIZE; {_LAUNCH}")
