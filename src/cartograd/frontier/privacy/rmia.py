"""RMIA: whether an example was learned from, by how its likelihood rises beside that of others.

A member's probability under the model is larger than under networks of its kind on average, and
by more than that of examples that nobody learned from. The score is the share of these that an
example beats by a factor. A few shadow models are enough, as only their mean is needed.

    ratio(x) = p(x | model) / mean_s p(x | shadow_s),   score(x) = P_z( ratio(x) >= gamma ratio(z) )

Shapes: x `n ...`, y `n`; probabilities of shadows `s n`.

Departures: the examples z are those that the model did not learn from, the judged ones among them.

References:
    Sajjad Zarifzadeh, Philippe Liu, Reza Shokri. Low-cost high-power membership inference attacks.
    ICML 2024. https://arxiv.org/abs/2312.03262

>>> own, shadows = torch.tensor([0.9, 0.6, 0.5]), torch.tensor([[0.3, 0.6, 0.5]])
>>> relative(own.logit(), shadows.logit(), torch.tensor([1, 2]), gamma=1.0)
tensor([1., 1., 1.])
>>> relative(own.logit(), shadows.logit(), torch.tensor([1, 2]), gamma=2.0)
tensor([1., 0., 0.])
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.privacy.shadows import Lessons, seen_by_shadows
from cartograd.frontier.privacy.told import Told, judged

CARD = Card(
    name="rmia",
    kind="privacy-attack",
    entry="rmia",
    nodes=("privacy/membership-inference",),
    title="Robust membership inference attack (RMIA)",
    zh="稳健成员推断（RMIA）",
    paper="Low-cost high-power membership inference attacks",
    year=2024,
    url="https://arxiv.org/abs/2312.03262",
    proofs=(
        "law: scores are shares of pairs whose ratios of likelihoods are far enough apart, counted "
        "one by one",
        "law: of overfitted digits it finds more members without false alarms than the loss does",
    ),
    evidence={
        "privacy/membership-inference": ("test_shadows_find_more_than_the_loss",),
    },
    tiny={"shadows": 2, "epochs": 1},
)


def rmia(
    model: nn.Module,
    members: tuple[Tensor, Tensor],
    others: tuple[Tensor, Tensor],
    /,
    *,
    gamma: float = 2.0,
    shadows: int = 8,
    epochs: int = 30,
    batch_size: int = 32,
    shadow_optimizer: str = "adamw:lr=3e-3",
    shadow_schedule: str | None = "cosine",
    epsilon: float | None = None,
    delta: float = 1e-5,
    seed: int = 0,
) -> Told:
    """How well members are told by relative likelihoods.

    Args:
        model: a classifier of which fresh networks can be made.
        members: examples that it learned from, and their classes.
        others: such that it did not.
        gamma: the factor by which an example has to beat another.
        shadows: networks that are trained, an even number.
        epochs: of their training.
        batch_size: of their training.
        shadow_optimizer: spec of theirs, which steps each number by itself.
        shadow_schedule: spec of their rate.
        epsilon: what the training is said to keep.
        delta: the chance with which more may be told.
        seed: of the shadow models and of the control.

    Raises:
        UsageError: as `lira`.
    """
    lessons = Lessons(shadow_optimizer, shadow_schedule, epochs, batch_size, seed)
    own, phi, _, count = seen_by_shadows(model, members, others, shadows, lessons, "rmia")
    found = relative(own, phi, torch.arange(count, len(own)), gamma=gamma)
    more = (("shadows", f"{shadows} networks, each taught half of these examples"),)
    return judged(found[:count], found[count:], epsilon=epsilon, delta=delta, seed=seed, more=more)


def relative(
    own: Float[Tensor, " n"],
    phi: Float[Tensor, "s n"],
    others: Int[Tensor, " m"],
    /,
    *,
    gamma: float,
) -> Float[Tensor, " n"]:
    """The share of some examples that each beats, from the log-odds of the model and of shadows.

    Args:
        own: log-odds by the model.
        phi: by the shadow models.
        others: the numbers of the examples to be beaten.
        gamma: by which factor.
    """
    usual = torch.nn.functional.logsigmoid(phi).logsumexp(0) - torch.tensor(len(phi)).log()
    ratio = torch.nn.functional.logsigmoid(own) - usual
    bar = ratio[others] + torch.tensor(gamma).log()
    return (ratio[:, None] >= bar).to(own).mean(1)
