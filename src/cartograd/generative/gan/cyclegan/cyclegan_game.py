"""CycleGAN's game: two critics, and pictures that come back from the other domain as they were.

Without pairs a critic alone lets any picture become any other of the domain. That the way there and
back leads to where it began ties them; a picture that is of the domain already is to stay.

    generators: (D_B(G(a)) - 1)^2 + (D_A(F(b)) - 1)^2
                + cycle (|F(G(a)) - a| + |G(F(b)) - b|) + identity cycle (|G(b) - b| + |F(a) - a|)
    critics:    ((D_B(b) - 1)^2 + D_B(old G(a))^2) / 2, and the same of D_A

Shapes: a batch is (pictures of A, pictures of B), both `b c y x`.

Departures: whether an old picture is shown, and which, is a hash of what the new one is made of.

References:
    Jun-Yan Zhu, Taesung Park, Phillip Isola, Alexei Efros. Unpaired image-to-image translation
    using cycle-consistent adversarial networks. ICCV 2017. https://arxiv.org/abs/1703.10593
    Xudong Mao and others. Least squares generative adversarial networks. ICCV 2017.
    https://arxiv.org/abs/1611.04076

>>> import torch
>>> nearness(torch.zeros(2, 1, 4, 4), 1.0)
tensor([1., 1.])
"""

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.generative.gan.cyclegan.cyclegan import CycleGAN
from cartograd.generative.gan.cyclegan.history import History
from cartograd.generative.gan.patch_critic import critic_for_side

CARD = Card(
    name="cyclegan-game",
    kind="objective",
    entry="CycleGANGame",
    nodes=("gan/cyclegan",),
    title="CycleGAN's game",
    zh="CycleGAN 训练",
    paper="Unpaired image-to-image translation using cycle-consistent adversarial networks",
    year=2017,
    url="https://arxiv.org/abs/1703.10593",
    proofs=(
        "law: a patch that a critic judges is 70 by 70 to the pixel, by gradients",
        "law: generators that are the identity have no loss but the critics'",
        "law: each player's own descent lowers its own loss",
        "law: half of what a critic is shown of a full history is old, to 5 %",
    ),
    evidence={
        "gan/cyclegan": (
            "test_a_patch_is_seventy_by_seventy",
            "test_generators_that_are_the_identity_come_back",
            "test_a_resumed_cycle_ends_as_one_that_was_not_stopped",
            "acceptance:negatives",
        ),
    },
    tiny={"width": 2},
    logs={"cycle": "lower", "critic/loss": "lower", "model/loss": "lower"},
    settings={
        "optimizer": "adam:lr=2e-4,betas=[0.5,0.999]",
        "schedule": None,
        "monitor": None,
        "batch_size": 1,
    },
)

OLDER = 50
"""Made pictures that are kept of each domain."""


class CycleGANGame(nn.Module):
    """The game.

    Args:
        model: a `cyclegan` with its signature.
        cycle: weight of what differs after the way there and back.
        identity: weight of what changes in pictures that are of the domain already, as a share of
            `cycle`; 0 for none.
        width: channels of the critics' first layer.
        patch_size: side of the patches that they judge, 16, 34 or 70; the largest of them of no
            more than three fifths of a picture's side unless told otherwise (the paper: 70 of 256).

    Raises:
        UsageError: the model is no such one, or there is no such patch.
    """

    averaged = ("model",)

    def __init__(
        self,
        *,
        model: nn.Module,
        cycle: float = 10.0,
        identity: float = 0.5,
        width: int = 64,
        patch_size: int | None = None,
    ):
        super().__init__()
        inner = model.model if isinstance(model, Signed) else model
        if not isinstance(model, Signed) or not isinstance(inner, CycleGAN):
            raise UsageError(
                "the game of cyclegan teaches a cyclegan with a signature; got "
                f"{type(inner).__name__}"
            )
        dims = tuple(int(dim) for dim in model.signature.input.dims)
        self.model, self.there, self.back = model, inner.there, inner.back
        self.critics = nn.ModuleList(
            critic_for_side(dims[0], side=min(dims[1:]), width=width, patch_size=patch_size)
            for _ in "ab"
        )
        self.histories = nn.ModuleList(History(dims, OLDER) for _ in "ab")
        self.cycle, self.identity = cycle, identity
        self.players = {"model": model, "critic": self.critics}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """The generators' loss, then the critics'."""
        a, b = self._standardised(batch)
        of_a, of_b = self.critics
        made_b, made_a = self.there(a), self.back(b)
        came_back = apart(self.back(made_b), a) + apart(self.there(made_a), b)
        cost = nearness(of_b(made_b), 1) + nearness(of_a(made_a), 1) + self.cycle * came_back
        if self.identity:
            stayed = apart(self.there(b), b) + apart(self.back(a), a)
            cost = cost + self.identity * self.cycle * stayed
        yield Loss(cost, "model", {"cycle": came_back.detach() / 2})
        yield Loss(self._told(a, made_a, b, made_b, old=True), "critic")

    def after_step(self, player: str, /) -> None:
        """Keep what was made."""
        if player == "critic":
            for history in self.histories:
                assert isinstance(history, History)
                history.took()

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """How far pictures come back from where they began, the losses, and pictures of B."""
        a, b = self._standardised(batch)
        made_b, made_a = self.there(a), self.back(b)
        came_back = (apart(self.back(made_b), a) + apart(self.there(made_a), b)) / 2
        of_a, of_b = self.critics
        return {
            "cycle": came_back,
            "model/loss": nearness(of_b(made_b), 1) + nearness(of_a(made_a), 1),
            "critic/loss": self._told(a, made_a, b, made_b, old=False),
            "outputs": made_b * self.model.output_std + self.model.output_mean,
        }

    def _told(self, a: Tensor, made_a: Tensor, b: Tensor, made_b: Tensor, *, old: bool) -> Tensor:
        """What the critics lower."""
        cost = a.new_zeros(len(a))
        pairs = ((a, made_a, b), (b, made_b, a))
        for critic, history, pair in zip(self.critics, self.histories, pairs, strict=True):
            assert isinstance(history, History)
            real, made, made_of = pair
            made = history.shown(made, made_of) if old else made
            cost = cost + (nearness(critic(real), 1) + nearness(critic(made), 0)) / 2
        return cost

    def _standardised(self, batch: Batch) -> tuple[Tensor, Tensor]:
        a, b = ((x - self.model.output_mean) / self.model.output_std for x in batch)
        return a, b


def nearness(told: Float[Tensor, "b 1 y x"], to: float, /) -> Float[Tensor, " b"]:
    """The mean squared difference of a critic's answers from a number."""
    return (told - to).square().flatten(1).mean(1)


def apart(x: Float[Tensor, "b c y x"], z: Float[Tensor, "b c y x"], /) -> Float[Tensor, " b"]:
    """The mean distance of two pictures' numbers."""
    return (x - z).abs().flatten(1).mean(1)
