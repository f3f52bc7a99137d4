"""The sinusoidal signal: a backdoor whose poisoned examples have their right labels.

Waves of grey are added to some pictures of the target class and to nothing else. Whoever looks
through the data finds every label right; the model still learns the waves as a sign of the class.

    x' = clip(x + eps sin(2 pi f j / w)),   j the column of a picture of width w

Shapes: pictures `n c y x`.

Departures: none. As the paper has it, waves may be stronger where the model is attacked than where
it was poisoned; here they are the same.

References:
    Mauro Barni, Kassem Kallas, Benedetta Tondi. A new backdoor attack in CNNs by training set
    corruption without label poisoning. ICIP 2019. https://arxiv.org/abs/1902.11237

>>> import torch
>>> waves = SinusoidalSignal(eps=0.5, waves=1).stamped(torch.full((1, 1, 1, 4), 0.5), (0.0, 1.0))
>>> waves.flatten().round(decimals=4).tolist()
[0.5, 1.0, 0.5, 0.0]
"""

import math

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.poisoning import Poisoned
from cartograd.core.ports import Signature
from cartograd.frontier.security.poisons.drawn import check_pictures, number_of, some

CARD = Card(
    name="sinusoidal-signal",
    kind="poison",
    entry="SinusoidalSignal",
    nodes=("threat/backdoor",),
    title="Sinusoidal signal (clean label)",
    zh="正弦信号（干净标签后门）",
    aliases=("sig",),
    paper="A new backdoor attack in CNNs by training set corruption without label poisoning",
    year=2019,
    url="https://arxiv.org/abs/1902.11237",
    proofs=(
        "law: no label changes, no example of another class does, and no pixel moves by more than "
        "eps or leaves its bounds",
        "law: a model trained so answers the target for test pictures with the waves, far more "
        "often than the clean model does",
    ),
    tiny={"share": 0.5, "target": 1, "waves": 1},
)


class SinusoidalSignal:
    """Waves on pictures of one class.

    Args:
        target: the class that the waves shall mean, by name or number.
        share: of the training examples of that class.
        eps: height of the waves, in the units of the input port.
        waves: how many there are across a picture.
        seed: of which examples.
    """

    def __init__(
        self,
        *,
        target: str | int = 0,
        share: float = 0.3,
        eps: float = 0.15,
        waves: int = 6,
        seed: int = 0,
    ):
        self.target, self.share, self.eps = target, share, eps
        self.waves, self.seed = waves, seed

    def __call__(
        self,
        x: Shaped[Tensor, "n ..."],
        y: Int[Tensor, " n"],
        signature: Signature,
        _: tuple[Tensor, Tensor],
        /,
    ) -> Poisoned:
        """Some pictures of the target with waves.

        Raises:
            UsageError: these are no pictures of classes, or too narrow for the waves, there is no
                such class, or the share leaves no example.
        """
        bounds = check_pictures("sinusoidal-signal", signature)
        own = (y == number_of(self.target, signature.output)).nonzero()[:, 0]
        rows = some(own, round(self.share * len(own)), "of the target", self.seed)
        inputs = x.clone()
        inputs[rows] = self.stamped(x[rows], bounds)
        return Poisoned(inputs, y.clone(), rows)

    def probes(
        self, x: Shaped[Tensor, "n ..."], y: Int[Tensor, " n"], signature: Signature, /
    ) -> tuple[Tensor, Tensor]:
        """Pictures of other classes with waves, and the target."""
        bounds = check_pictures("sinusoidal-signal", signature)
        target = number_of(self.target, signature.output)
        rows = y != target
        return self.stamped(x[rows], bounds), y[rows] * 0 + target

    def stamped(
        self, x: Float[Tensor, "n c y x"], bounds: tuple[float, float], /
    ) -> Float[Tensor, "n c y x"]:
        """Pictures with waves.

        Raises:
            UsageError: pictures of this width cannot show so many.
        """
        width = x.shape[-1]
        if 2 * self.waves >= width:
            raise UsageError(
                f"waves={self.waves} of sinusoidal-signal are more than a picture of {width} "
                f"columns shows; expected at most {(width - 1) // 2}"
            )
        angle = 2 * math.pi * self.waves * torch.arange(width).to(x) / width
        return (x + self.eps * angle.sin()).clamp(*bounds)
