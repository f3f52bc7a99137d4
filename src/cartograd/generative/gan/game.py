"""What all games of a generator and a critic share: who moves when, and with which examples."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch
from cartograd.core.signed import Signed
from cartograd.generative.gan.critic import critic_for


@dataclass(frozen=True)
class Round:
    """The examples of one batch.

    Attributes:
        real, fake: standardised; `fake` still depends on the generator.
        y: their classes, the same for both.
        both: whether the generator moves too.
    """

    real: Float[Tensor, "b ..."]
    fake: Float[Tensor, "b ..."]
    y: Int[Tensor, " b"] | None
    both: bool


@dataclass(frozen=True)
class Judged:
    """What the critic answers for the examples of one batch.

    Attributes:
        real, fake: its answers.
        outputs: the made examples, in the units of the data.
    """

    real: Float[Tensor, " b"]
    fake: Float[Tensor, " b"]
    outputs: Float[Tensor, "b ..."]


class Game(nn.Module):
    """A generator and its critic, who take turns.

    The critic moves at each batch, the generator at the first one and at every n-th from there, so
    that each move of the critic is on real examples that it has not just seen.

    Args:
        model: the generator, with its signature.
        width: of the critic's first layer.
        norm: how its layers are normalised.
        critic_steps: moves of the critic for each one of the generator.
        bias: whether the critic's answers have a level, or their differences only count.

    Raises:
        UsageError: the model draws no examples of noise.
    """

    def __init__(
        self,
        model: nn.Module,
        /,
        *,
        width: int,
        norm: str | None,
        critic_steps: int,
        bias: bool = True,
    ):
        super().__init__()
        if not isinstance(model, Signed) or not model.signature.draws:
            raise UsageError(
                "a critic judges what a generator makes of noise; expected a model such as gan, "
                f"with a signature; got {type(model).__name__}"
            )
        self.model, self.critic_steps, self.taken = model, critic_steps, 0
        self.critic = critic_for(model.signature, width=width, norm=norm, bias=bias)

    @property
    def players(self) -> dict[str, nn.Module]:
        """The two of them."""
        return {"critic": self.critic, "model": self.model}

    def round(self, batch: Batch, /) -> Round:
        """Deal the examples of a batch (noise, [classes], examples)."""
        noise, *classes, x = batch
        both = self.taken % self.critic_steps == 0
        with torch.set_grad_enabled(both and torch.is_grad_enabled()):
            fake = self.standardised(self.model(noise, *classes))
        return Round(self.standardised(x), fake, classes[0] if classes else None, both)

    def judged(self, batch: Batch, /) -> Judged:
        """The critic's answers for a batch, without a gradient: for validation."""
        noise, *classes, x = batch
        outputs = self.model(noise, *classes)
        real, fake = (self.critic(self.standardised(one), *classes) for one in (x, outputs))
        return Judged(real, fake, outputs)

    def standardised(self, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """Examples as the critic sees them: those of the generator's network itself."""
        return (x - self.model.output_mean) / self.model.output_std

    def moved(self, player: str, /) -> None:
        """Count the critic's moves."""
        self.taken += player == "critic"


def slopes(
    critic: Callable[..., Tensor], x: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None, /
) -> Float[Tensor, " b"]:
    """The squared length of the critic's gradient at each example; itself with a gradient."""
    x = x.detach().requires_grad_()
    (found,) = torch.autograd.grad(critic(x, y).sum(), x, create_graph=True)
    return found.square().flatten(1).sum(1)
