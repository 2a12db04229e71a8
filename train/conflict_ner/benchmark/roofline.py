"""Upper limit of an encoder's speed on this machine: its matrix products alone, timed.

Nearly all arithmetic of a transformer is in its linear layers (Kaplan et al. 2020: twice as many
operations per token as they have weights). So the products of exactly these layers' shapes are
computed on random numbers, a few thousand tokens at a time, and nothing else: no attention, no
normalization, no tokenizer, no padding. Their tokens per second are the limit; the speed of a system
is reported as a share of it. Training needs three products where tagging needs one: forward, and
backward to the layer's input and to its weights.

The limit is that of PyTorch's products, by the fastest of the functions and batch sizes that were tried.
It is measured in the same rounds as the systems, because it drifts with the machine as they do.

>>> layers = Counter({(384, 1536): 6, (1536, 384): 6})
>>> operations_per_token(layers), operations_per_token(layers, backward=True)
(14155776, 42467328)
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from conflict_ner.benchmark.timing import Clock, Turn, time_in_rounds

if TYPE_CHECKING:
    import torch

RooflinePrecision = Literal["fp32", "bf16", "int8"]
Layers = Mapping[tuple[int, int], int]  # (inputs, outputs) of a linear layer: the number of such layers

TOKENS = (1024, 4096)  # per batch; the faster size is used
TURN_SECONDS = 1.0  # approximate duration of one turn
_PEAK_SIDE = 8192  # side of the square matrices whose product shows the peak of a GPU
_PROBE_TOKENS = 256
_TRIES = 2
_PROBE_TRIES = 20  # of a product so small that other programs delay most of them


@dataclass(frozen=True, slots=True)
class Limit:
    """Products to be timed: `turn` computes those of `tokens` tokens.

    method: the function that computes them, and the tokens per batch.
    """

    name: str
    method: str
    tokens: int
    turn: Turn


def linear_layers(source: Path | str) -> Layers:
    """Count a model's linear layers by shape, from its config.json alone: the weights are not needed."""
    import torch
    from transformers import AutoConfig, AutoModelForTokenClassification

    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    with torch.device("meta"):  # shapes without memory
        model = AutoModelForTokenClassification.from_config(config)  # type: ignore[no-untyped-call]
    linear = (module for module in model.modules() if isinstance(module, torch.nn.Linear))
    return Counter((module.in_features, module.out_features) for module in linear)


def operations_per_token(layers: Layers, *, backward: bool = False) -> int:
    """Return the multiplications and additions per token, with `backward` those of a training step."""
    return (6 if backward else 2) * sum(ins * outs * count for (ins, outs), count in layers.items())


def find_limits(
    layers: Layers, device: str, *, backward: bool = False, clock: Clock = time.perf_counter
) -> tuple[list[Limit], list[str]]:
    """Return the limits that can be measured here, and a note on each that cannot.

    int8 is a limit for tagging only. A precision that is slower than fp32 here is emulated, and so no limit.

    Args:
        device: as PyTorch names it.
        backward: the limits of training.
    """
    precisions: tuple[RooflinePrecision, ...] = ("fp32", "bf16") if backward else ("fp32", "bf16", "int8")
    limits, notes = [], []
    for precision in precisions:
        reason = "" if precision == "fp32" else _why_not_measured(layers, device, precision, clock)
        if reason:
            notes.append(f"no limit in {precision}: {reason}")
        else:
            limits.append(_find_fastest(layers, device, precision, backward, clock))
    if device.startswith("cuda"):
        limits.append(_peak_limit(layers, device, backward, clock))
    return limits, notes


def _why_not_measured(layers: Layers, device: str, precision: RooflinePrecision, clock: Clock) -> str:
    """Return why a precision is no limit here, else an empty string; the product tried is small enough to emulate."""
    (ins, outs), _ = max(layers.items(), key=lambda pair: pair[0])
    turns: dict[str, Turn] = {}
    try:
        for name in ("fp32", precision):
            layer = {(ins, outs): 1}
            turns[name] = _synchronized(next(_methods(layer, device, name, False, _PROBE_TOKENS))[1], device)
            turns[name]()
        seconds = time_in_rounds(turns, _PROBE_TRIES, clock=clock)
    except (RuntimeError, NotImplementedError, AttributeError, StopIteration) as error:
        return f"PyTorch has no such product here ({str(error).splitlines()[0] if str(error) else 'none'})"
    is_slower = min(seconds[precision]) > min(seconds["fp32"])
    return "its products are slower than those of fp32 here, so they are emulated" if is_slower else ""


def _find_fastest(layers: Layers, device: str, precision: RooflinePrecision, backward: bool, clock: Clock) -> Limit:
    turns: dict[str, Turn] = {}
    sizes: dict[str, int] = {}
    for tokens in TOKENS:
        for function, compute in _methods(layers, device, precision, backward, tokens):
            method = f"{function}, batches of {tokens:,} tokens"
            turns[method], sizes[method] = _synchronized(compute, device), tokens
            turns[method]()  # a first call sets things up and is not timed
    seconds = {method: min(rounds) for method, rounds in time_in_rounds(turns, _TRIES, clock=clock).items()}
    fastest = min(seconds, key=lambda method: seconds[method] / sizes[method])
    return _make_limit(precision, fastest, sizes[fastest], turns[fastest], seconds[fastest])


def _make_limit(name: str, method: str, tokens: int, compute: Turn, seconds: float) -> Limit:
    """Repeat a computation that takes `seconds` until one turn takes about a second."""
    repetitions = max(ceil(TURN_SECONDS / seconds), 1) if seconds > 0 else 1

    def turn() -> None:
        for _ in range(repetitions):
            compute()

    return Limit(name, method, tokens * repetitions, turn)


def _synchronized(compute: Turn, device: str) -> Turn:
    """Return a turn that computes without gradients and waits until the device has finished."""
    import torch

    def turn() -> None:
        with torch.inference_mode():
            compute()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)

    return turn


def _methods(
    layers: Layers, device: str, precision: RooflinePrecision, backward: bool, tokens: int
) -> Iterator[tuple[str, Turn]]:
    """Yield the functions that can compute the products: a name, and a turn that computes all of them once."""
    import torch

    products = [(*_operands(tokens, ins, outs, device, precision), count) for (ins, outs), count in layers.items()]
    if precision == "int8":
        yield "torch._int_mm", _multiply_all(products, lambda x, w: torch._int_mm(x, w.T))
        return
    linear: Callable[[torch.Tensor, torch.Tensor], object] = torch.nn.functional.linear
    yield "torch.nn.functional.linear", _multiply_all(products, _multiply_forward_backward if backward else linear)
    on_cpu = device == "cpu" and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if precision == "fp32" and on_cpu and not backward:
        packed = [(x.to_mkldnn(), w.to_mkldnn(), count) for x, w, count in products]
        yield "oneDNN", _multiply_all(packed, linear)


def _multiply_forward_backward(x: torch.Tensor, w: torch.Tensor) -> None:
    """Compute the products of training: the layer's output, and the gradients of its input and of its weights."""
    gradient = x @ w.T
    _ = gradient @ w
    _ = gradient.T @ x


def _multiply_all(
    products: Sequence[tuple[torch.Tensor, torch.Tensor, int]],
    multiply: Callable[[torch.Tensor, torch.Tensor], object],
) -> Turn:
    """Return a turn that multiplies each pair (input, weights) as often as its count says."""

    def compute() -> None:
        for x, w, count in products:
            for _ in range(count):
                multiply(x, w)

    return compute


def _operands(
    tokens: int, ins: int, outs: int, device: str, precision: RooflinePrecision
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random inputs of shape (tokens, ins) and weights of shape (outs, ins)."""
    import torch

    if precision == "int8":
        if device != "cpu":  # int8 products on a GPU need sizes that are multiples of 8
            ins, outs = 8 * ceil(ins / 8), 8 * ceil(outs / 8)
        options = {"low": -127, "high": 128, "dtype": torch.int8, "device": device}
        return torch.randint(size=(tokens, ins), **options), torch.randint(size=(outs, ins), **options)  # type: ignore[call-overload]
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    return torch.randn(tokens, ins, dtype=dtype, device=device), torch.randn(outs, ins, dtype=dtype, device=device)


def _peak_limit(layers: Layers, device: str, backward: bool, clock: Clock) -> Limit:
    """Return the limit of a GPU's peak: the same number of operations in one large product in bf16."""
    side = _PEAK_SIDE
    square = {(side, side): 1}
    _, compute = next(_methods(square, device, "bf16", False, side))
    turn = _synchronized(compute, device)
    turn()
    seconds = min(time_in_rounds({"peak": turn}, _TRIES, clock=clock)["peak"])
    tokens = operations_per_token(square) * side // operations_per_token(layers, backward=backward)
    return _make_limit("bf16 peak", f"one product of {side:,} x {side:,} matrices", tokens, turn, seconds)
