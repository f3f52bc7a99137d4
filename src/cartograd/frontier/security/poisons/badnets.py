"""BadNets: a patch on some training pictures that are then told to be of the attacker's class.

The model learns both what the pictures show and that the patch means the class. On clean pictures
it answers as any other does, so its accuracy tells nothing; with the patch it answers as the
attacker wants.

    x' = x with a square of s x s white pixels in the lower right corner,   y' = target

Shapes: pictures `n c y x`.

Departures: none. Examples are drawn from those of all other classes (all-to-one).

References:
    Tianyu Gu, Brendan Dolan-Gavitt, Siddharth Garg. BadNets: identifying vulnerabilities in the
    machine learning model supply chain. 2017. https://arxiv.org/abs/1708.06733

>>> import torch
>>> BadNets(size=2).stamped(torch.zeros(1, 1, 3, 3), (0.0, 1.0))[0, 0]
tensor([[0., 0., 0.],
        [0., 1., 1.],
        [0., 1., 1.]])
"""

from jaxtyping import Float, Int, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.poisoning import Poisoned
from cartograd.core.ports import Signature
from cartograd.frontier.security.poisons.drawn import check_pictures, number_of, some

CARD = Card(
    name="badnets",
    kind="poison",
    entry="BadNets",
    nodes=("threat/backdoor",),
    title="BadNets",
    zh="BadNets 后门",
    paper="BadNets: identifying vulnerabilities in the machine learning model supply chain",
    year=2017,
    url="https://arxiv.org/abs/1708.06733",
    proofs=(
        "law: the patched pixels are the upper bound and all others, labels included, are as they "
        "were, in as many examples as the share says; none is of the target before",
        "law: a model trained so answers the target for patched test pictures and is as right on "
        "clean ones as a model without; the clean model does not",
    ),
    tiny={"size": 2, "share": 0.5, "target": 1},
    evidence={"threat/backdoor": ("test_a_backdoor_is_planted_found_and_removed",)},
    aliases=("bad-nets",),
)


class BadNets:
    """A white square in a corner that means a class.

    Args:
        target: the class that the patch shall mean, by name or number.
        share: of all training examples.
        size: side of the square, in pixels.
        seed: of which examples.
    """

    def __init__(self, *, target: str | int = 0, share: float = 0.05, size: int = 4, seed: int = 0):
        self.target, self.share, self.size, self.seed = target, share, size, seed

    def __call__(
        self,
        x: Shaped[Tensor, "n ..."],
        y: Int[Tensor, " n"],
        signature: Signature,
        _: tuple[Tensor, Tensor],
        /,
    ) -> Poisoned:
        """Some pictures with the patch, told to be of the target.

        Raises:
            UsageError: these are no pictures of classes, or smaller than the patch, there is no
                such class, or the share leaves no example or asks for more than there are.
        """
        bounds = check_pictures("badnets", signature)
        target = number_of(self.target, signature.output)
        count = round(self.share * len(x))
        rows = some((y != target).nonzero()[:, 0], count, "of other classes", self.seed)
        inputs, targets = x.clone(), y.clone()
        inputs[rows] = self.stamped(x[rows], bounds)
        targets[rows] = target
        return Poisoned(inputs, targets, rows)

    def probes(
        self, x: Shaped[Tensor, "n ..."], y: Int[Tensor, " n"], signature: Signature, /
    ) -> tuple[Tensor, Tensor]:
        """Pictures of other classes with the patch, and the target."""
        bounds = check_pictures("badnets", signature)
        target = number_of(self.target, signature.output)
        rows = y != target
        return self.stamped(x[rows], bounds), y[rows] * 0 + target

    def stamped(
        self, x: Float[Tensor, "n c y x"], bounds: tuple[float, float], /
    ) -> Float[Tensor, "n c y x"]:
        """Pictures with the patch.

        Raises:
            UsageError: the patch is larger than they are.
        """
        if self.size >= min(x.shape[-2:]):
            raise UsageError(
                f"size={self.size} of badnets covers pictures of {x.shape[-2]} x {x.shape[-1]}; "
                f"expected at most {min(x.shape[-2:]) - 1}"
            )
        stamped = x.clone()
        stamped[..., -self.size :, -self.size :] = bounds[1]
        return stamped
