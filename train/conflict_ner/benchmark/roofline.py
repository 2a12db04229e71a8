"""How fast an encoder could be here at most: its matrix products alone, timed.

Nearly all arithmetic of a transformer is in its linear layers (Kaplan et al. 2020: twice as many
operations a token as they have weights). So the products of exactly these layers' shapes are
computed on random numbers, a few thousand tokens at a time, and nothing else: no attention, no
normalisation, no tokenizer, no padding. Tokens a second of that is the limit; what a system
reaches is a share of it. Training needs three products where tagging needs one: forward, and
backward to the layer's input and to its weights.

The limit is of PyTorch's products, by the quickest of the ways to compute them that were tried. It
is measured in the same rounds as the systems, because it drifts with the machine as they do.

>>> layers = Counter({(384, 1536): 6, (1536, 384): 6})
>>> operations(layers), operations(layers, backward=True)
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

from conflict_ner.benchmark.timing import Clock, Turn, alternate

if TYPE_CHECKING:
    import torch

RooflinePrecision = Literal["fp32", "bf16", "int8"]
Layers = Mapping[tuple[int, int], int]  # (inputs, outputs) of linear layers: how many there are

TOKENS = (1024, 4096)  # a batch; the quickest size counts
TURN_SECONDS = 1.0  # of one turn, about
_PEAK_SIDE = 8192  # of the square matrices whose product shows what a GPU can
_PROBE_TOKENS = 256
_TRIES = 2
_PROBE_TRIES = 20  # of a product so small that other programs delay most tries


@dataclass(frozen=True, slots=True)
class Limit:
    """Products to be timed: `turn` computes those of `tokens` tokens.

    how: by which function, in batches of how many tokens.
    """

    name: str
    how: str
    tokens: int
    turn: Turn


def linear_layers(source: Path | str) -> Layers:
    """The shapes of a model's linear layers, from its config.json alone: its weights may have any form."""
    import torch
    from transformers import AutoConfig, AutoModelForTokenClassification

    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    with torch.device("meta"):  # shapes without memory
        model = AutoModelForTokenClassification.from_config(config)  # type: ignore[no-untyped-call]
    linear = (module for module in model.modules() if isinstance(module, torch.nn.Linear))
    return Counter((module.in_features, module.out_features) for module in linear)


def operations(layers: Layers, *, backward: bool = False) -> int:
    """Multiplications and additions a token."""
    return (6 if backward else 2) * sum(ins * outs * count for (ins, outs), count in layers.items())


def limits(
    layers: Layers, device: str, *, backward: bool = False, clock: Clock = time.perf_counter
) -> tuple[list[Limit], list[str]]:
    """The limits that can be measured here, and in words which cannot and why.

    int8 is there for tagging only. A precision that is slower than fp32 here is emulated and no limit.
    """
    precisions: tuple[RooflinePrecision, ...] = ("fp32", "bf16") if backward else ("fp32", "bf16", "int8")
    found, notes = [], []
    for precision in precisions:
        fault = "" if precision == "fp32" else _fault(layers, device, precision, clock)
        if fault:
            notes.append(f"no limit in {precision}: {fault}")
        else:
            found.append(_quickest(layers, device, precision, backward, clock))
    if device.startswith("cuda"):
        found.append(_peak(layers, device, backward, clock))
    return found, notes


def _fault(layers: Layers, device: str, precision: RooflinePrecision, clock: Clock) -> str:
    """Why a precision is no limit here, found out on a product small enough to be emulated."""
    (ins, outs), _ = max(layers.items(), key=lambda pair: pair[0])
    turns: dict[str, Turn] = {}
    try:
        for name in ("fp32", precision):
            one = {(ins, outs): 1}
            turns[name] = _turn(next(_ways(one, device, name, False, _PROBE_TOKENS))[1], device)
            turns[name]()
        taken = alternate(turns, _PROBE_TRIES, clock=clock)
    except (RuntimeError, NotImplementedError, AttributeError, StopIteration) as error:
        return f"PyTorch has no such product here ({str(error).splitlines()[0] if str(error) else 'none'})"
    slower = min(taken[precision]) > min(taken["fp32"])
    return "its products are slower than those of fp32 here, so they are emulated" if slower else ""


def _quickest(layers: Layers, device: str, precision: RooflinePrecision, backward: bool, clock: Clock) -> Limit:
    turns: dict[str, Turn] = {}
    sizes: dict[str, int] = {}
    for tokens in TOKENS:
        for how, compute in _ways(layers, device, precision, backward, tokens):
            said = f"{how}, batches of {tokens:,} tokens"
            turns[said], sizes[said] = _turn(compute, device), tokens
            turns[said]()  # what is set up once is not timed
    best = {said: min(taken) for said, taken in alternate(turns, _TRIES, clock=clock).items()}
    how = min(best, key=lambda said: best[said] / sizes[said])
    return _limit(precision, how, sizes[how], turns[how], best[how])


def _limit(name: str, how: str, tokens: int, once: Turn, seconds: float) -> Limit:
    """The same so often that one turn takes about a second."""
    times = max(ceil(TURN_SECONDS / seconds), 1) if seconds > 0 else 1

    def turn() -> None:
        for _ in range(times):
            once()

    return Limit(name, how, tokens * times, turn)


def _turn(compute: Turn, device: str) -> Turn:
    import torch

    def turn() -> None:
        with torch.inference_mode():
            compute()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)

    return turn


def _ways(
    layers: Layers, device: str, precision: RooflinePrecision, backward: bool, tokens: int
) -> Iterator[tuple[str, Turn]]:
    """Each way to compute all products once, and its name."""
    import torch

    products = [(*_operands(tokens, ins, outs, device, precision), count) for (ins, outs), count in layers.items()]
    if precision == "int8":
        yield "torch._int_mm", _each(products, lambda x, w: torch._int_mm(x, w.T))
        return
    one: Callable[[torch.Tensor, torch.Tensor], object] = torch.nn.functional.linear
    yield "torch.nn.functional.linear", _each(products, _with_backward if backward else one)
    on_cpu = device == "cpu" and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if precision == "fp32" and on_cpu and not backward:
        packed = [(x.to_mkldnn(), w.to_mkldnn(), count) for x, w, count in products]
        yield "oneDNN", _each(packed, one)


def _with_backward(x: torch.Tensor, w: torch.Tensor) -> None:
    """What training computes: the layer's output, and the gradients of its input and of its weights."""
    gradient = x @ w.T
    _ = gradient @ w
    _ = gradient.T @ x


def _each(
    products: Sequence[tuple[torch.Tensor, torch.Tensor, int]],
    one: Callable[[torch.Tensor, torch.Tensor], object],
) -> Turn:
    def compute() -> None:
        for x, w, count in products:
            for _ in range(count):
                one(x, w)

    return compute


def _operands(
    tokens: int, ins: int, outs: int, device: str, precision: RooflinePrecision
) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs of shape (tokens, ins) and weights of shape (outs, ins), random."""
    import torch

    if precision == "int8":
        if device != "cpu":  # a GPU's int8 products want multiples of 8
            ins, outs = 8 * ceil(ins / 8), 8 * ceil(outs / 8)
        whole = {"low": -127, "high": 128, "dtype": torch.int8, "device": device}
        return torch.randint(size=(tokens, ins), **whole), torch.randint(size=(outs, ins), **whole)  # type: ignore[call-overload]
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    return torch.randn(tokens, ins, dtype=kind, device=device), torch.randn(outs, ins, dtype=kind, device=device)


def _peak(layers: Layers, device: str, backward: bool, clock: Clock) -> Limit:
    """What one large product in bf16 shows the GPU can: as many operations, in the best shape for it."""
    side = _PEAK_SIDE
    _, compute = next(_ways({(side, side): 1}, device, "bf16", False, side))
    once = _turn(compute, device)
    once()
    seconds = min(alternate({"peak": once}, _TRIES, clock=clock)["peak"])
    tokens = operations({(side, side): 1}) * side // operations(layers, backward=backward)
    return _limit("bf16 peak", f"one product of {side:,} x {side:,} matrices", tokens, once, seconds)
