"""How rotary positions are slowed down, so that a model reads longer texts than it was trained on.

A model has seen angles up to those of its training. All ways lower the frequencies so that longer
texts stay within them; they differ in what they do to the fast ones, which tell neighbours apart.

    linear: w / f      ntk: base <- base f^(d/(d-2))      dynamic: ntk with f of the text's length
    yarn, llama3: low frequencies w / f, high ones w, a ramp between; yarn also scales attention up
    longrope: each w_i by a factor of its own, one list up to the trained length, another beyond

Shapes: speeds ` d/2`, of pairs of features.

Departures: `dynamic` and `longrope` follow the longest position of each call, as in transformers:
a key that was cached before keeps the angle that it was read with.

References:
    Shouyuan Chen et al. Extending context window of large language models via positional
    interpolation. 2023. https://arxiv.org/abs/2306.15595
    Bowen Peng et al. YaRN: efficient context window extension of large language models. 2023
    (dynamic NTK, too). https://arxiv.org/abs/2309.00071
    Yiran Ding et al. LongRoPE: extending LLM context window beyond 2 million tokens. 2024.
    https://arxiv.org/abs/2402.13753
    Aaron Grattafiori et al. The Llama 3 herd of models. 2024. https://arxiv.org/abs/2407.21783

>>> speeds, sharpness, at_length = scaled(4, 100.0, "linear:factor=2")
>>> speeds.tolist(), sharpness, at_length
([0.5, 0.05000000074505806], 1.0, None)
"""

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec

AtLength = Callable[[Int[Tensor, ""]], Float[Tensor, " d"]]
"""From the longest position and one to the speeds."""

Scaled = tuple[Float[Tensor, " d"], float, AtLength | None]
"""Speeds, the factor on the rotated features, and how the speeds follow the length, if they do."""


def scaled(size: int, base: float, scaling: str | None, /) -> Scaled:
    """The frequencies of all pairs of a number of features.

    Args:
        size: features that are turned.
        base: of the frequencies.
        scaling: a spec of one of `SCALINGS`, or None.

    Raises:
        UsageError: no such scaling, or it lacks a setting.
    """
    if scaling is None:
        return _speeds(size, base), 1.0, None
    spec = Spec.parse(scaling)
    if spec.name not in SCALINGS:
        raise unknown("scaling of rotary positions", spec.name, list(SCALINGS))
    make = SCALINGS[spec.name]
    known = inspect.signature(make).parameters
    needed = {name for name, p in known.items() if p.default is p.empty} - {"size", "base"}
    if set(spec.args) - (set(known) - {"size", "base"}) or needed - set(spec.args):
        raise UsageError(
            f"rotary: scaling={scaling!r}; expected {spec.name} with {', '.join(sorted(needed))}"
        )
    return make(size, base, **spec.args)


def _speeds(size: int, base: float | Tensor) -> Tensor:
    if isinstance(base, Tensor):
        return 1.0 / (base ** (torch.arange(0, size, 2).float() / size))
    # On the meta device arithmetic would import torch's compiler, a second and 80 MB.
    speeds = 1.0 / (base ** (torch.arange(0, size, 2, device="cpu").float() / size))
    return torch.tensor(speeds.tolist(), dtype=torch.float32)


def _linear(size: int, base: float, *, factor: float) -> Scaled:
    return _speeds(size, base) / factor, 1.0, None


def _ntk(size: int, base: float, *, factor: float) -> Scaled:
    return _speeds(size, base * factor ** (size / (size - 2))), 1.0, None


@dataclass(frozen=True)
class Dynamic:
    """NTK by as much as the text is longer than the context: `f t / c - (f - 1)` times the base."""

    size: int
    base: float
    factor: float
    context: int

    def __call__(self, length: Int[Tensor, ""], /) -> Float[Tensor, " d"]:
        """The speeds at a length."""
        there = length.clamp(min=self.context)
        grown = (self.factor * there / self.context) - (self.factor - 1)
        steps = torch.arange(0, self.size, 2, device=length.device).float() / self.size
        return 1.0 / ((self.base * grown ** (self.size / (self.size - 2))) ** steps)


def _dynamic(size: int, base: float, *, factor: float, context: int) -> Scaled:
    return _speeds(size, base), 1.0, Dynamic(size, base, factor, context)


@dataclass(frozen=True)
class LongRope:
    """One list of factors up to the length that was trained on, another beyond."""

    context: int
    short: Tensor
    long: Tensor

    def __call__(self, length: Int[Tensor, ""], /) -> Float[Tensor, " d"]:
        """The speeds at a length."""
        short, long = self.short.to(length.device), self.long.to(length.device)
        return torch.where(length > self.context, long, short)


def _longrope(
    size: int, base: float, *, factor: float, context: int, short: Sequence[float],
    long: Sequence[float], sharpness: float | None = None,
) -> Scaled:  # fmt: skip
    """`factor` is that of the longest text over `context`; attention gets sharper with it."""
    for name, factors in (("short", short), ("long", long)):
        if len(factors) != size // 2:
            raise UsageError(
                f"rotary: longrope has {len(factors)} numbers in {name}; expected one for each of "
                f"the {size // 2} pairs of features"
            )
    steps = torch.arange(0, size, 2).float() / size
    both = [1.0 / (torch.tensor(list(f), dtype=torch.float32) * base**steps) for f in (short, long)]
    if sharpness is None:
        sharpness = math.sqrt(1 + math.log(factor) / math.log(context)) if factor > 1 else 1.0
    return both[0], sharpness, LongRope(context, *both)


def _yarn(
    size: int, base: float, *, factor: float, context: int, fast: float = 32.0, slow: float = 1.0,
    sharpness: float | None = None, truncate: bool = True,
) -> Scaled:  # fmt: skip
    """Pairs with more than `fast` turns in the context stay; below `slow` they are divided."""

    def pair(turns: float) -> float:
        return size * math.log(context / (turns * 2 * math.pi)) / (2 * math.log(base))

    low, high = pair(fast), pair(slow)
    if truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, size - 1)
    ramp = (torch.arange(size // 2).float() - low) / (high - low or 0.001)
    kept = 1 - ramp.clamp(0, 1)
    periods = base ** (torch.arange(0, size, 2).float() / size)
    speeds = 1.0 / (factor * periods) * (1 - kept) + 1.0 / periods * kept
    if sharpness is None:
        sharpness = 0.1 * math.log(factor) + 1.0 if factor > 1 else 1.0
    return speeds, sharpness, None


def _llama3(
    size: int, base: float, *, factor: float, context: int, low: float = 1.0, high: float = 4.0
) -> Scaled:
    """Pairs with more than `high` turns in the context stay; below `low` they are divided."""
    speeds = _speeds(size, base)
    lengths = 2 * math.pi / speeds
    share = (context / lengths - low) / (high - low)
    between = (1 - share) * speeds / factor + share * speeds
    slow, fast = lengths > context / low, lengths < context / high
    return torch.where(slow, speeds / factor, torch.where(fast, speeds, between)), 1.0, None


SCALINGS: dict[str, Callable[..., Scaled]] = {
    "linear": _linear, "ntk": _ntk, "dynamic": _dynamic, "yarn": _yarn, "longrope": _longrope,
    "llama3": _llama3,
}  # fmt: skip
"""Ways to lower the frequencies, by name."""
