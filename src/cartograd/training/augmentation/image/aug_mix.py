"""AugMix: a blend of the image with several chains of mild operations on it.

One strong operation leaves the world of natural images; a blend of several mild ones stays near it
and still looks new. It makes models hold against noise, blur and weather that they never saw.

    x' = m x + (1 - m) sum_i w_i chain_i(x),    m ~ Beta(a, a),  w ~ Dirichlet(a, ..., a),
    a chain: 1 to `chain_depth` operations in a row

Shapes: images `b c y x`, floats or bytes, kept.

Departures: the augmentation alone, without the authors' loss on the agreement of two copies. The
strengths are those of torchvision, drawn from the lowest `severity` of ten steps. Only the nine
operations that are not among the corruptions that robustness is tested with.

References:
    Dan Hendrycks, Norman Mu et al. AugMix: a simple data processing method to improve robustness
    and uncertainty. ICLR 2020. https://arxiv.org/abs/1912.02781

>>> import torch
>>> x = torch.rand(2, 3, 8, 8)
>>> aug_mix(x, CounterRandom(torch.arange(2))).shape
torch.Size([2, 3, 8, 8])
"""

from jaxtyping import Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.image.operations import NAMES, amounts, performed
from cartograd.training.augmentation.image.pixels import as_before, as_float, column

CARD = Card(
    name="aug-mix",
    kind="augmentation",
    entry="aug_mix",
    nodes=("regularize/augmentation-image",),
    title="AugMix",
    zh="混合增强链 AugMix",
    paper="AugMix: a simple data processing method to improve robustness and uncertainty",
    year=2020,
    url="https://arxiv.org/abs/1912.02781",
    proofs=(
        "oracle: torchvision's AugMix on floats with the same operations, shares and depths, to "
        "1e-5 in float32",
        "law: shares have the mean and variance of the Beta distribution, and sum to one",
    ),
    renamed={"chains": "mixture_width", "longest": "chain_depth", "concentration": "alpha"},
)

OPERATIONS = NAMES.index("translate-y")
"""The last of the nine; number 0 does nothing and ends a chain early."""


def aug_mix(
    x: Shaped[Tensor, "b c y x"],
    rng: CounterRandom,
    /,
    *,
    severity: int = 3,
    mixture_width: int = 3,
    chain_depth: int = 3,
    alpha: float = 1.0,
) -> Shaped[Tensor, "b c y x"]:
    """Each image blended with `mixture_width` chains of at most `chain_depth` operations on it.

    Args:
        x: a batch of images.
        rng: random numbers of each example.
        severity: how many of ten levels of an operation are drawn from, counted from the weakest.
        mixture_width: changed copies that are blended.
        chain_depth: most operations in one chain.
        alpha: parameter of the Dirichlet and Beta distributions that the shares are drawn
            from.
    """
    pixels = as_float(x)
    own, _ = rng.within(0).dirichlet([alpha] * 2).unbind(1)
    shares = rng.within(1).dirichlet([alpha] * mixture_width) * (1 - own)[:, None]
    mixed = pixels * column(own, pixels)
    for chain in range(mixture_width):
        part = rng.within(2 + chain)
        last = part.integers(chain_depth)
        copy = pixels
        for number in range(chain_depth):
            choice, sign, strength = part.within(1 + number).uniform(3).unbind(1)
            which = 1 + (choice * OPERATIONS).long()
            level = (strength * severity).floor() / 9
            amount = amounts(
                which, level, sign < 0.5,
                height=x.shape[2], width=x.shape[3], shift=1 / 3, bits=4,
            )  # fmt: skip
            copy = performed(copy, which.where(number <= last, 0), amount)
        mixed = mixed + copy * column(shares[:, chain], pixels)
    return as_before(mixed, x)
