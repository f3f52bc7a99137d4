"""RandAugment: a few operations of fourteen, drawn for each image, all of one strength.

Searching for the best policy costs more than training with it, and the policies found do little
better than this one, which has two numbers to choose: how many operations, and how strong.

    x' = op_N(... op_1(x)),    op_i uniform over 14, each of strength magnitude / 30

Shapes: images `b c y x`, floats or bytes, kept.

Departures: bilinear interpolation, where torchvision's default takes the nearest pixel; outside is
black. Pixels stay floats between the operations, so solarising and posterising act on [0, 1] as
torchvision's do on floats.

References:
    Ekin D. Cubuk, Barret Zoph, Jonathon Shlens, Quoc V. Le. RandAugment: practical automated data
    augmentation with a reduced search space. NeurIPS 2020. https://arxiv.org/abs/1909.13719

>>> import torch
>>> x, rng = torch.rand(4, 3, 8, 8), CounterRandom(torch.arange(4))
>>> torch.equal(rand_augment(x, rng)[2:], rand_augment(x[2:], rng.of(torch.tensor([2, 3]))))
True
"""

from jaxtyping import Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.image.operations import NAMES, amounts, performed
from cartograd.training.augmentation.image.pixels import as_before, as_float

CARD = Card(
    name="rand-augment",
    kind="augmentation",
    entry="rand_augment",
    nodes=("regularize/augmentation-image",),
    title="RandAugment",
    zh="随机增强策略 RandAugment",
    paper="RandAugment: practical automated data augmentation with a reduced search space",
    year=2020,
    url="https://arxiv.org/abs/1909.13719",
    proofs=(
        "oracle: each of the fourteen operations as torchvision's RandAugment applies it at the "
        "same magnitude, on floats, to 1e-5 in float32",
        "law: as many operations as asked for, each as often as the others",
    ),
    evidence={
        "regularize/augmentation-image": (
            "test_a_mixed_batch_is_each_image_by_itself",
            "acceptance:augmented-digits",
        ),
    },
    renamed={"operations": "num_ops"},
)


def rand_augment(
    x: Shaped[Tensor, "b c y x"],
    rng: CounterRandom,
    /,
    *,
    num_ops: int = 2,
    magnitude: float = 9.0,
) -> Shaped[Tensor, "b c y x"]:
    """Each image after so many random operations of the strength `magnitude`, 0 to 30.

    Args:
        x: a batch of images.
        rng: random numbers of each example.
        num_ops: random operations for each image, one after another.
        magnitude: how strong each is, from 0 (hardly) to 30.
    """
    pixels = as_float(x)
    for number in range(num_ops):
        choice, sign = rng.within(number).uniform(2).unbind(1)
        which = (choice * len(NAMES)).long()
        amount = amounts(
            which, choice.new_full((len(rng),), magnitude / 30), sign < 0.5,
            height=x.shape[2], width=x.shape[3], shift=150 / 331, bits=8,
        )  # fmt: skip
        pixels = performed(pixels, which, amount)
    return as_before(pixels, x)
