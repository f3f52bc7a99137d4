"""Rotary positions (RoPE): rotate queries and keys by an angle that grows with their position.

Each pair of features is rotated with a frequency of its own. The dot product of a rotated query and
key then depends on their distance and not on their positions. A model learns only angles that it
has seen; to read longer texts the frequencies are lowered.

    (x_1, x_2) <- (x_1 cos a - x_2 sin a, x_2 cos a + x_1 sin a),   a = t w_i,   w_i = base^(-2i/d)

How they are lowered stands in `rotary_scaling`. A few models turn a share of the features only.

Shapes: queries or keys `b h t d`; positions ` t`, the same for all rows, or `b t`.

Departures: pairs are features i and i + d/2 (`halves`, as in published weights), or neighbours
(`pairs`, as in the paper): the same up to an order of features. Angles are made in float32 whatever
the type of the features, as the published models were trained.

References:
    Jianlin Su et al. RoFormer: enhanced transformer with rotary position embedding. 2021.
    https://arxiv.org/abs/2104.09864

>>> rotary = Rotary(head_dim=4)
>>> q, k = torch.randn(2, 1, 1, 1, 4)
>>> turns = [(rotary.turn(torch.tensor([t])), rotary.turn(torch.tensor([t - 3]))) for t in (5, 50)]
>>> near, far = ((one(q) * other(k)).sum() for one, other in turns)
>>> torch.allclose(near, far, atol=1e-5)
True
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.rotary_scaling import scaled
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

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
        "oracle: transformers' rotary functions: speeds of linear, dynamic NTK, YaRN, LongRoPE and "
        "llama3 scaling to the last bit, and the turned features, of a share of them, too",
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
            `dynamic:factor=2,context=4096`, `yarn:factor=4,context=4096`,
            `longrope:factor=32,context=4096,short=[...],long=[...]` or
            `llama3:factor=8,context=8192`; `context` is what the model was trained on.
        share: of the features that are turned, the first ones.

    Attributes:
        by_length: whether the frequencies depend on the longest position (`dynamic`, `longrope`).

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
        share: float = 1.0,
    ):
        super().__init__()
        turned = int(head_dim * share)
        if turned % 2 or not turned:
            raise UsageError(
                f"rotary: head_dim={turned} is odd; features are turned in pairs"
                if share == 1
                else f"rotary: share={share} turns {turned} of {head_dim} features; expected pairs"
            )
        self.layout, self.turned = layout, None if turned == head_dim else turned
        frequencies, self.sharpness, self.at_length = scaled(turned, base, scaling)
        self.register_buffer("speeds", frequencies, persistent=False)

    @property
    def by_length(self) -> bool:
        """Whether the frequencies depend on the longest position."""
        return self.at_length is not None

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
        speeds = self.speeds if self.at_length is None else self.at_length(places.max() + 1)
        angles = places[..., None].float() * speeds
        angles = angles[:, None] if places.ndim == 2 else angles  # beside the heads
        return self._turned(angles.cos() * self.sharpness, angles.sin() * self.sharpness)

    def moved(self, x: Float[Tensor, "... d"], by: int, /) -> Float[Tensor, "... d"]:
        """Features that are turned already, as they are some positions later (or earlier)."""
        angles = by * self.speeds
        return self._turned(angles.cos(), angles.sin())(x)

    def _turned(self, cos: Tensor, sin: Tensor) -> Callable[[Tensor], Tensor]:
        def turned(x: Tensor) -> Tensor:
            if self.turned is not None and x.shape[-1] > self.turned:
                rest = x[..., self.turned :]
                return torch.cat([turned(x[..., : self.turned]), rest], -1)
            c, s = cos.to(x.dtype), sin.to(x.dtype)
            if self.layout == "halves":
                one, two = x.chunk(2, -1)
                return torch.cat([one * c - two * s, two * c + one * s], -1)
            one, two = x[..., ::2], x[..., 1::2]
            return torch.stack([one * c - two * s, two * c + one * s], -1).flatten(-2)

        return turned


def mover(
    rotary: Rotary, local: Rotary | None, reach: str, /
) -> Callable[[Tensor, int], Tensor] | None:
    """What moves the keys `l b h s d` of all layers on by some positions (as `Rotary.moved`).

    Args:
        rotary: of layers that see all.
        local: of layers with a window; `rotary` if None.
        reach: what each layer sees, a letter each as of a `decoder`.

    Returns:
        None where positions follow the length of the text, so that no key can be moved alone.
    """
    if rotary.by_length:
        return None
    ways = {"f": rotary, "w": rotary if local is None else local}

    def moved(keys: Tensor, by: int) -> Tensor:
        pairs = zip(reach, keys, strict=True)
        return torch.stack([ways[s].moved(own, by) if s in ways else own for s, own in pairs])

    return moved
