"""Ways from one code to another: straight, or along the sphere on which normal codes lie."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def between(
    a: Float[Tensor, "..."], b: Float[Tensor, "..."], count: int, /, *, mode: str = "slerp"
) -> Float[Tensor, "n ..."]:
    """Codes from `a` to `b`, both included, evenly spaced by a way of `MODES`.

    >>> one, other = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    >>> [round(code.norm().item(), 4) for code in between(one, other, 3)]
    [1.0, 1.0, 1.0]
    """
    t = torch.linspace(0, 1, count).to(a).reshape(-1, *[1] * a.ndim)
    return MODES[mode](a[None], b[None], t)


def lerp(a: Tensor, b: Tensor, t: Tensor, /) -> Tensor:
    """Straight from `a` (t = 0) to `b` (t = 1)."""
    return (1 - t) * a + t * b


def slerp(a: Tensor, b: Tensor, t: Tensor, /) -> Tensor:
    """Along the sphere: codes between two normal ones are as long as these.

    References:
        Ken Shoemake. Animating rotation with quaternion curves. SIGGRAPH 1985.
        https://doi.org/10.1145/325334.325242
    """
    cosine = (a * b).sum() / (a.norm() * b.norm())
    angle = cosine.clamp(-1, 1).acos()
    if angle.sin() < 1e-6:  # the same direction, or opposite ones: there is no shortest way
        return lerp(a, b, t)
    return (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()


MODES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"slerp": slerp, "lerp": lerp}
