"""The softmax of attention over random queries and keys, with the fits scaled and not."""

import math

import torch

from cartograd.evidence.claim import Claim, Curve, Measured

CLAIM = Claim(
    id="scaling-by-sqrt-d",
    place="attention/scaled-dot-product",
    en="Dividing by sqrt(d) keeps softmax out of saturation",
    zh="缩放防止梯度消失",
    hypothesis="256 queries and 64 keys are drawn from the standard normal distribution in 4 to "
    "1024 dimensions. Divided by sqrt(d), the entropy of the weights changes by less than 0.02 of "
    "its greatest value (log 64) for each doubling of d; undivided it is below a tenth of it at "
    "1024, and the norm of the derivative of the weights by the fits is smaller than divided.",
    rule=(
        "mean entropy a doubling, divided > -0.02",
        "mean entropy a doubling, divided < 0.02",
        "mean entropy at 1024, undivided < 0.1",
        "ratio derivative at 1024, undivided / divided < 1",
    ),
    remark="The variance of a fit is d. Undivided, the largest of 64 stands out by several times "
    "sqrt(d), and the softmax is a choice whose derivative is small: about a third of it.",
    first=100,
    draw=("entropy, divided", "entropy, undivided", "derivative, divided", "derivative, undivided"),
    axes=("dimensions", "entropy / log 64; norm of the derivative"),
    scale="x",
)
KEYS, SIZES = 64, tuple(2**power for power in range(2, 11))


def measure(seed: int, /) -> Measured:
    """Entropy and derivative by the number of dimensions."""
    draw = torch.Generator().manual_seed(seed)
    found: dict[str, list[float]] = {}
    for d in SIZES:
        q, k = (torch.randn(n, d, generator=draw) for n in (256, KEYS))
        for name, scale in (("divided", d**-0.5), ("undivided", 1.0)):
            weights = (q @ k.T * scale).double().softmax(-1)
            entropy = torch.special.entr(weights).sum(-1).mean().item() / math.log(KEYS)
            slope = torch.diag_embed(weights) - weights[:, :, None] * weights[:, None]
            found.setdefault(f"entropy, {name}", []).append(entropy)
            found.setdefault(f"derivative, {name}", []).append(slope.norm(dim=(1, 2)).mean().item())
    powers = torch.arange(len(SIZES)).double()
    entropies = torch.tensor(found["entropy, divided"], dtype=torch.float64)
    slope = torch.cov(torch.stack([powers, entropies]))[0, 1].item() / powers.var().item()
    ratio = found["derivative, undivided"][-1] / found["derivative, divided"][-1]
    return {
        "entropy a doubling, divided": slope,
        "entropy at 1024, undivided": found["entropy, undivided"][-1],
        "derivative at 1024, undivided / divided": ratio,
    } | {name: Curve([*map(float, SIZES)], values) for name, values in found.items()}
