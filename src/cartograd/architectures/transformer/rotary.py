"""Rotary positions (RoPE): rotate queries and keys by an angle that grows with their position.

Each pair of features is rotated with a frequency of its own. The dot product of a rotated query and
key then depends on their distance and not on their positions. A model learns only angles that it
has seen; to read longer texts the frequencies are lowered.

    (x_1, x_2) <- (x_1 cos a - x_2 sin a, x_2 cos a + x_1 sin a),   a = t w_i,   w_i = base^(-2i/d)
    linear: w / f      ntk: base <- base f^(d/(d-2))
    yarn, llama3: low frequencies w / f, high ones w, a ramp between; yarn also scales attention up

Shapes: queries or keys `b h t d`; positions ` t`, the same for all rows, or `b t`.

Departures: pairs are features i and i + d/2 (`halves`, as in published weights), or neighbours
(`pairs`, as in the paper): the same up to an order of features. Angles are made in float32 whatever
the type of the features, as the published models were trained.

References:
    Jianlin Su et al. RoFormer: enhanced transformer with rotary position embedding. 2021.
    https://arxiv.org/abs/2104.09864
    Shouyuan Chen et al. Extending context window of large language models via positional
    interpolation. 2023. https://arxiv.org/abs/2306.15595
    Bowen Peng et al. YaRN: efficient context window extension of large language models. 2023.
    https://arxiv.org/abs/2309.00071
    Aaron Grattafiori et al. The Llama 3 herd of models. 2024. https://arxiv.org/abs/2407.21783

>>> rotary = Rotary(head_dim=4)
>>> q, k = torch.randn(2, 1, 1, 1, 4)
>>> turns = [(rotary.turn(torch.tensor([t])), rotary.turn(torch.tensor([t - 3]))) for t in (5, 50)]
>>> near, far = ((one(q) * other(k)).sum() for one, other in turns)
>>> torch.allclose(near, far, atol=1e-5)
True
"""

import inspect
import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec

CARD = Card(
    name="rotary",
    kind="layer",
    entry="Rotary",
    nodes=("transformer/positional-encoding",),
    title="Rotary positions (RoPE)",
    zh="旋转位置编码（RoPE）",
    paper="RoFormer: enhanced transformer with rotary position embedding",
    year=2021,
    url="https://arxiv.org/abs/2104.09864",
    proofs=(
        "oracle: transformers' rotary functions: speeds of linear, dynamic NTK, YaRN and llama3 "
        "scaling to the last bit, and the turned features",
        "law: fits depend on the distance alone; lengths stay; `pairs` is `halves` reordered",
    ),
    evidence={"transformer/positional-encoding": ("test_turns_as_transformers_does",)},
    tiny={"head_dim": 8},
)


class Rotary(nn.Module):
    """Rotates features by their positions.

    Args:
        head_dim: features of a head, an even number.
        base: the lowest frequency takes about 2 pi times as many positions for a turn.
        layout: which features are a pair: `halves` or `pairs`.
        scaling: how frequencies are lowered: `linear:factor=2`, `ntk:factor=2`,
            `yarn:factor=4,context=4096` or `llama3:factor=8,context=8192`; `context` is what the
            model was trained on.

    Raises:
        UsageError: an odd size, or no such scaling.
    """

    speeds: Tensor

    def __init__(
        self,
        *,
        head_dim: int,
        base: float = 10_000.0,
        layout: Literal["halves", "pairs"] = "halves",
        scaling: str | None = None,
    ):
        super().__init__()
        if head_dim % 2:
            raise UsageError(f"rotary: head_dim={head_dim} is odd; features are turned in pairs")
        self.layout = layout
        frequencies, self.sharpness = _scaled(head_dim, base, scaling)
        self.register_buffer("speeds", frequencies, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Rotary":
        """Move with the model, but stay float32: rounded frequencies give wrong angles."""
        kept = self.speeds
        super()._apply(fn, recurse)
        if self.speeds.dtype != kept.dtype:  # `model.bfloat16()`
            self.speeds = kept.to(self.speeds.device)
        return self

    def forward(
        self, x: Float[Tensor, "b h t d"], places: Int[Tensor, "... t"]
    ) -> Float[Tensor, "b h t d"]:
        """The features, rotated."""
        return self.turn(places)(x)

    def turn(self, places: Int[Tensor, "... t"], /) -> Callable[[Tensor], Tensor]:
        """What rotates queries and keys at some positions: made once, used by all layers."""
        angles = places[..., None].float() * self.speeds
        angles = angles[:, None] if places.ndim == 2 else angles  # beside the heads
        cos, sin = angles.cos() * self.sharpness, angles.sin() * self.sharpness

        def turned(x: Tensor) -> Tensor:
            c, s = cos.to(x.dtype), sin.to(x.dtype)
            if self.layout == "halves":
                one, two = x.chunk(2, -1)
                return torch.cat([one * c - two * s, two * c + one * s], -1)
            one, two = x[..., ::2], x[..., 1::2]
            return torch.stack([one * c - two * s, two * c + one * s], -1).flatten(-2)

        return turned


def _scaled(size: int, base: float, scaling: str | None) -> tuple[Tensor, float]:
    """The frequencies of all pairs, and the factor on the rotated features."""
    if scaling is None:
        return _speeds(size, base), 1.0
    spec = Spec.parse(scaling)
    if spec.name not in SCALINGS:
        raise unknown("scaling of rotary positions", spec.name, list(SCALINGS))
    make = SCALINGS[spec.name]
    known = inspect.signature(make).parameters
    needed = {name for name, p in known.items() if p.default is p.empty} - {"size", "base"}
    if set(spec.args) - set(known) or needed - set(spec.args):
        raise UsageError(
            f"rotary: scaling={scaling!r}; expected {spec.name} with {', '.join(sorted(needed))}"
        )
    return make(size, base, **spec.args)


def _speeds(size: int, base: float) -> Tensor:
    return 1.0 / (base ** (torch.arange(0, size, 2).float() / size))


def _linear(size: int, base: float, *, factor: float) -> tuple[Tensor, float]:
    return _speeds(size, base) / factor, 1.0


def _ntk(size: int, base: float, *, factor: float) -> tuple[Tensor, float]:
    return _speeds(size, base * factor ** (size / (size - 2))), 1.0


def _yarn(
    size: int, base: float, *, factor: float, context: int, fast: float = 32.0, slow: float = 1.0,
    sharpness: float | None = None,
) -> tuple[Tensor, float]:  # fmt: skip
    """Pairs with more than `fast` turns in the context stay; below `slow` they are divided."""

    def pair(turns: float) -> float:
        return size * math.log(context / (turns * 2 * math.pi)) / (2 * math.log(base))

    low, high = max(math.floor(pair(fast)), 0), min(math.ceil(pair(slow)), size - 1)
    ramp = (torch.arange(size // 2).float() - low) / (high - low or 0.001)
    kept = 1 - ramp.clamp(0, 1)
    periods = base ** (torch.arange(0, size, 2).float() / size)
    speeds = 1.0 / (factor * periods) * (1 - kept) + 1.0 / periods * kept
    return speeds, 0.1 * math.log(factor) + 1.0 if sharpness is None else sharpness


def _llama3(
    size: int, base: float, *, factor: float, context: int, low: float = 1.0, high: float = 4.0
) -> tuple[Tensor, float]:
    """Pairs with more than `high` turns in the context stay; below `low` they are divided."""
    speeds = _speeds(size, base)
    lengths = 2 * math.pi / speeds
    share = (context / lengths - low) / (high - low)
    between = (1 - share) * speeds / factor + share * speeds
    slow, fast = lengths > context / low, lengths < context / high
    return torch.where(slow, speeds / factor, torch.where(fast, speeds, between)), 1.0


SCALINGS: dict[str, Callable[..., tuple[Tensor, float]]] = {
    "linear": _linear, "ntk": _ntk, "yarn": _yarn, "llama3": _llama3,
}  # fmt: skip
"""Ways to lower the frequencies, by name."""
