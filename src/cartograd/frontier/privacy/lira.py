"""LiRA: whether an example was learned from, by networks that have seen it and such that have not.

Some examples are easy for any network. So shadow models, each taught half of the examples, say for
every example how sure a network is that learned from it, and how sure one that did not; both are
normal to a good approximation if sureness is told as log-odds. The score is the likelihood ratio
of the model's own log-odds under the two. It finds members with hardly a false alarm.

    phi = log p_y / (1 - p_y),   score = log N(phi; mu_in, s_in) - log N(phi; mu_out, s_out)

Shapes: x `n ...`, y `n`; phi of shadows `s n`.

Departures: of fewer than 64 shadow models the spreads are those over all examples, as in the
paper's small setting; shadows see the examples as they are, without augmentation.

References:
    Nicholas Carlini, Steve Chien, Milad Nasr, Shuang Song, Andreas Terzis, Florian Tramer.
    Membership inference attacks from first principles. IEEE S&P 2022.
    https://arxiv.org/abs/2112.03570

>>> inside = torch.tensor([[True], [True], [False], [False]])
>>> phi = torch.tensor([[3.0], [5.0], [0.0], [2.0]]).double()
>>> likelihood_ratio(torch.tensor([4.0]).double(), phi, inside)
tensor([4.5000], dtype=torch.float64)
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.privacy.shadows import Lessons, seen_by_shadows
from cartograd.frontier.privacy.told import Told, judged

CARD = Card(
    name="lira",
    kind="privacy-attack",
    entry="lira",
    nodes=("privacy/membership-inference",),
    title="Likelihood ratio attack (LiRA)",
    zh="似然比成员推断（LiRA）",
    paper="Membership inference attacks from first principles",
    year=2022,
    url="https://arxiv.org/abs/2112.03570",
    proofs=(
        "law: scores are the log-ratio of two normal densities, which scipy computes",
        "law: of overfitted digits it finds more members without false alarms than the loss does",
    ),
    evidence={
        "privacy/membership-inference": ("test_shadows_find_more_than_the_loss",),
    },
    tiny={"shadows": 2, "epochs": 1},
)

MANY = 64
"""From so many shadow models on each example has spreads of its own."""


def lira(
    model: nn.Module,
    members: tuple[Tensor, Tensor],
    others: tuple[Tensor, Tensor],
    /,
    *,
    shadows: int = 16,
    epochs: int = 30,
    batch_size: int = 32,
    shadow_optimizer: str = "adamw:lr=3e-3",
    shadow_schedule: str | None = "cosine",
    epsilon: float | None = None,
    delta: float = 1e-5,
    seed: int = 0,
) -> Told:
    """How well members are told by likelihood ratios.

    Args:
        model: a classifier of which fresh networks can be made.
        members: examples that it learned from, and their classes.
        others: such that it did not.
        shadows: networks that are trained, an even number.
        epochs: of their training.
        batch_size: of their training.
        shadow_optimizer: spec of theirs, which steps each number by itself.
        shadow_schedule: spec of their rate.
        epsilon: what the training is said to keep.
        delta: the chance with which more may be told.
        seed: of the shadow models and of the control.

    Raises:
        UsageError: too few examples or none with classes, an odd number of shadows, or a model
            that cannot be made anew.
    """
    lessons = Lessons(shadow_optimizer, shadow_schedule, epochs, batch_size, seed)
    own, phi, inside, count = seen_by_shadows(model, members, others, shadows, lessons, "lira")
    found = likelihood_ratio(own, phi, inside)
    more = (("shadows", f"{shadows} networks, each taught half of these examples"),)
    return judged(found[:count], found[count:], epsilon=epsilon, delta=delta, seed=seed, more=more)


def likelihood_ratio(
    own: Float[Tensor, " n"], phi: Float[Tensor, "s n"], inside: Bool[Tensor, "s n"], /
) -> Float[Tensor, " n"]:
    """The log-ratio of the densities of a model's log-odds among shadows with and without each."""
    densities = []
    for there in (inside, ~inside):
        count = there.sum(0)
        mean = phi.where(there, torch.zeros(())).sum(0) / count
        apart = (phi - mean).square().where(there, torch.zeros(()))
        few = len(phi) < MANY
        spread = (apart.sum() / there.sum() if few else apart.sum(0) / count).sqrt().clamp(1e-6)
        densities.append(-((own - mean) / spread).square() / 2 - spread.log())
    return densities[0] - densities[1]
