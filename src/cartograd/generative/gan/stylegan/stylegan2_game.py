"""StyleGAN2's game: a non-saturating loss, two penalties now and then, mixed styles, augmentations.

The critic's slope at real pictures is kept small (R1). A step in the space of styles is to change
the picture by as much wherever and in whichever direction it is taken: how far random changes of
the picture reach back to the styles is held at its running mean (path length). Penalties are taken
at every n-th move only, and n times as strong. Where the critic is surer of the real pictures than
`ada_target`, it learns them by heart, and pictures are augmented more often (ADA).

    critic:     softplus(-D(x)) + softplus(D(G(z))) + 16 r1/2 |grad D(x)|^2 at each 16th move
    generator:  softplus(-D(G(z))) + 4 path_length (|J^T e| - a)^2 at each 4th,  e ~ N(0, 1) / side
    chance:     + sign(mean sign D(x) - ada_target) pictures / 500,000

Shapes: a batch is (noise `b d`, [classes ` b`,] pictures `b c y x`).

Departures: random numbers are a hash of an example's noise. A penalty is added to the loss of its
move, where the authors let it move on its own and change Adam's numbers for that. The length is
that of all of a batch, not of half of it.

References:
    Tero Karras and others. Analyzing and improving the image quality of StyleGAN. CVPR 2020.
    https://arxiv.org/abs/1912.04958
    Tero Karras and others. Training generative adversarial networks with limited data. NeurIPS
    2020. https://arxiv.org/abs/2006.06676

>>> import torch
>>> w = torch.ones(2, 3, 5, requires_grad=True)
>>> lengths(2 * w.sum((1, 2)).reshape(2, 1, 1, 1), w, torch.ones(2, 1, 1, 1)).tolist()
[4.4721360206604, 4.4721360206604]
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.generative.gan.adversarial import LOSSES
from cartograd.generative.gan.game import slopes
from cartograd.generative.gan.stylegan.augmentations import CHANCES, augmented
from cartograd.generative.gan.stylegan.critic import StyleCritic
from cartograd.generative.gan.stylegan.random_numbers import even, normal
from cartograd.generative.gan.stylegan.stylegan2 import StyleGAN2

CARD = Card(
    name="stylegan2-game",
    kind="objective",
    entry="StyleGAN2Game",
    nodes=("gan/stylegan",),
    title="StyleGAN2's game",
    zh="StyleGAN2 训练",
    paper="Analyzing and improving the image quality of StyleGAN",
    year=2020,
    url="https://arxiv.org/abs/1912.04958",
    proofs=(
        "law: path lengths of a linear generator are those of its matrix, to 1e-10",
        "law: the chance of augmentations follows the sign of what the critic is too sure of",
        "law: what is augmented with a chance below one can be told from the whole set",
    ),
    evidence={
        "gan/stylegan": (
            "test_path_lengths_of_a_linear_generator_are_those_of_its_matrix",
            "test_a_resumed_style_game_ends_as_one_that_was_not_stopped",
            "acceptance:stylegan-digits",
        ),
    },
    tiny={"width": 2, "max_width": 4, "group_size": 1},
    metrics=("frechet",),
    logs={"critic/loss": "lower", "model/loss": "lower"},
    settings={
        "optimizer": "adam:lr=2e-3,betas=[0.0,0.99]",
        "schedule": None,
        "average": "ema:decay=0.995",
        "monitor": "valid/frechet",
    },
)

R1_EVERY, PATH_EVERY, CHANCE_EVERY = 16, 4, 4
"""Moves from one penalty, or change of the chance, to the next."""

KEPT = 0.99
"""Share of the running mean of path lengths that stays."""

RAMP = 500_000
"""Real pictures in which the chance can go from 0 to 1."""

SECOND, CUT, CHANGE, REAL, MADE, JUDGED = range(2, 8)
"""Purposes of random numbers: further latents, where styles change, changes of pictures, and the
augmentations of real ones, of made ones for the critic and for the generator."""


class StyleGAN2Game(nn.Module):
    """The game.

    Args:
        model: a `stylegan2` with its signature.
        r1: gamma of the penalty on the critic's slope at real pictures; 0 for none. A thousand
            small pictures want more of it (3) than the tens of thousands of the papers.
        path_length: weight of the penalty on path lengths; 0 for none.
        style_mixing: chance that a picture's styles are of two latents.
        ada_target: how much surer than chance the critic may be of real pictures, from -1 to 1;
            None for no augmentations.
        width: channels of the critic at the full size.
        max_width: most channels of the critic.
        group_size: most examples of which the critic sees how much they vary.

    Raises:
        UsageError: the model is no such generator.
    """

    averaged = ("model",)

    def __init__(
        self,
        *,
        model: nn.Module,
        r1: float = 0.01,
        path_length: float = 2.0,
        style_mixing: float = 0.9,
        ada_target: float | None = 0.6,
        width: int = 32,
        max_width: int = 512,
        group_size: int = 4,
    ):
        super().__init__()
        inner = model.model if isinstance(model, Signed) else model
        if not isinstance(model, Signed) or not isinstance(inner, StyleGAN2):
            raise UsageError(
                "the game of stylegan2 teaches a stylegan2 with a signature; got "
                f"{type(inner).__name__}"
            )
        port, condition = model.signature.example, model.signature.condition
        self.model, self.inner = model, inner
        self.critic = StyleCritic(
            channels=int(port.dims[0]), size=int(port.dims[1]), width=width, max_width=max_width,
            classes=None if condition is None else len(condition.labels), group_size=group_size,
        )  # fmt: skip
        self.r1, self.path_length = r1, path_length
        self.mixing, self.ada_target = style_mixing, ada_target
        self.players = {"critic": self.critic, "model": model}
        self.moves = {"critic": 0, "model": 0}
        self.chance, self.mean_length = 0.0, 0.0
        self.signs: list[float] = []
        self.seen, self.found_length = 0, 0.0

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """The critic's loss, then the generator's."""
        noise, *classes, x = batch
        y = classes[0] if classes else None
        costs, real = LOSSES["non-saturating"], self._standardised(x)
        w = self._styles(noise, y)
        fake = self.inner.pictures(w, noise)

        def judge(pictures: Tensor, purpose: int) -> Tensor:
            return self.critic(self._augmented(pictures, noise, purpose), y)

        told = judge(real, REAL)
        cost = costs.critic(told, judge(fake.detach(), MADE))
        if self.r1 and self.moves["critic"] % R1_EVERY == 0:
            steep = slopes(lambda one, _: judge(one, REAL), real, y)
            cost = cost + R1_EVERY * self.r1 / 2 * steep
        self.signs.append(float(told.detach().sign().sum()))
        self.seen += len(x)
        yield Loss(cost, "critic", {"chance": real.new_tensor(self.chance)})
        cost = costs.generator(judge(fake, JUDGED))
        if self.path_length and self.moves["model"] % PATH_EVERY == 0:
            change = normal(noise, fake[0].numel(), purpose=CHANGE).reshape(fake.shape)
            found = lengths(fake, w, change / (fake.shape[2] * fake.shape[3]) ** 0.5)
            self.found_length = float(found.detach().mean())
            penalty = (found - self.mean_length).square()
            cost = cost + PATH_EVERY * self.path_length * penalty
        yield Loss(cost, "model")

    def after_step(self, player: str, /) -> None:
        """Count; the chance of augmentations and the mean length follow what was seen."""
        moves = self.moves[player]
        self.moves[player] = moves + 1
        if player == "model":
            if self.path_length and moves % PATH_EVERY == 0:
                self.mean_length += (1 - KEPT) * (self.found_length - self.mean_length)
            return
        if self.moves[player] % CHANCE_EVERY == 0:
            if self.ada_target is not None:
                surer = sum(self.signs) / self.seen - self.ada_target
                step = self.seen / RAMP * ((surer > 0) - (surer < 0))
                self.chance = min(1.0, max(0.0, self.chance + step))
            self.signs, self.seen = [], 0

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """Both losses without augmentations, and what the generator makes."""
        noise, *classes, x = batch
        outputs = self.model(noise, *classes)
        real, fake = (self.critic(self._standardised(one), *classes) for one in (x, outputs))
        costs = LOSSES["non-saturating"]
        return {
            "critic/loss": costs.critic(real, fake),
            "model/loss": costs.generator(fake),
            "outputs": outputs,
        }

    def _standardised(self, x: Tensor) -> Tensor:
        return (x - self.model.output_mean) / self.model.output_std

    def _styles(self, noise: Tensor, y: Tensor | None) -> Tensor:
        """A style for each layer, of some examples from two latents."""
        w = self.inner.styles(noise, y)
        if not self.mixing:
            return w
        other = self.inner.styles(normal(noise, noise.shape[1], purpose=SECOND), y)
        drawn = even(noise, 2, purpose=CUT)
        layers = self.inner.synthesis.layers
        cut = 1 + (drawn[:, 1] * (layers - 1)).floor()
        cut = torch.where(drawn[:, 0] < self.mixing, cut, layers)
        return mixed(w, other, cut)

    def _augmented(self, x: Tensor, noise: Tensor, purpose: int) -> Tensor:
        if self.chance <= 0:
            return x
        return augmented(x, even(noise, CHANCES, purpose=purpose), chance=self.chance)


def mixed(
    w: Float[Tensor, "b n d"], other: Float[Tensor, "b n d"], cut: Float[Tensor, " b"], /
) -> Float[Tensor, "b n d"]:
    """Styles of which those from layer `cut` on are the other ones."""
    layers = torch.arange(w.shape[1], device=w.device)
    return torch.where((layers >= cut[:, None])[..., None], other, w)


def lengths(
    pictures: Float[Tensor, "b c y x"],
    w: Float[Tensor, "b n d"],
    change: Float[Tensor, "b c y x"],
    /,
) -> Float[Tensor, " b"]:
    """How far a change of each picture reaches back to its styles; itself with a gradient."""
    (slope,) = torch.autograd.grad((pictures * change).sum(), w, create_graph=True)
    return slope.square().sum(2).mean(1).sqrt()
