"""Learning prototypes: near one of the own class, far from those of others, and right.

Beside the classes' cross-entropy, each picture should have a patch near a prototype of its class
(cluster) and none near those of other classes (separation). At some steps the batch's own patches
compete with the prototypes: one that is nearer to its class and farther from the others takes a
prototype's place, so that prototypes stay patches of real pictures.

    loss = CE + 0.8 min_(j of y) d_j - 0.08 min_(j of others) d_j

Shapes: a batch is (pictures b c y x, classes ` b`).

Departures: prototypes are exchanged for patches of the batch, by the mean of cluster and separation
over it, where the paper moves free vectors to the nearest patch of all; no last phase for the last
layer alone.

References:
    Chaofan Chen, Oscar Li, Daniel Tao, Alina Barnett, Cynthia Rudin, Jonathan K. Su. This looks
    like that: deep learning for interpretable image recognition. NeurIPS 2019.
    https://arxiv.org/abs/1806.10574

>>> from cartograd.frontier.explain.glassbox.prototype_network import PrototypeNetwork
>>> model = PrototypeNetwork(channels=1, size=8, classes=2, prototypes=1)
>>> [loss] = LearnPrototypes(model=model).losses((torch.rand(6, 1, 8, 8), torch.arange(6) % 2))
>>> loss.value.shape, bool(model.begun)
(torch.Size([6]), True)
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.frontier.explain.glassbox.inner import inner_of
from cartograd.frontier.explain.glassbox.prototype_network import (
    PrototypeNetwork,
    apart,
    similarity,
)

CARD = Card(
    name="learn-prototypes",
    kind="objective",
    entry="LearnPrototypes",
    nodes=("xai/prototype",),
    title="Learning prototypes",
    zh="原型学习",
    paper="This looks like that: deep learning for interpretable image recognition",
    year=2019,
    url="https://arxiv.org/abs/1806.10574",
    proofs=("law: an exchange lowers cluster and separation on its batch, and stays in its class",),
    metrics=("accuracy",),
    logs={"cluster": "lower", "separation": "higher"},
)

EVERY = 20
"""Steps between two competitions."""

MARGIN = 0.05
"""By what share a patch has to be better to take a prototype's place."""


class LearnPrototypes(nn.Module):
    """Cross-entropy with cluster and separation.

    Args:
        model: a prototype network.
        cluster: how much nearness to the own class counts.
        separation: how much distance to other classes counts.

    Raises:
        UsageError: the model has no prototypes.
    """

    steps: Tensor

    def __init__(self, *, model: nn.Module, cluster: float = 0.8, separation: float = 0.08):
        super().__init__()
        prototypes_in(model)
        self.model, self.players = model, {"model": model}
        self.cluster, self.separation = cluster, separation
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss of each picture."""
        x, y = batch
        own, x = inner_of(self.model, x)
        assert isinstance(own, PrototypeNetwork)
        if self.training and not own.begun:
            self._begin(own, x, y)
        elif self.training and self.steps and self.steps % EVERY == 0:
            compete(own, x, y, self.cluster, self.separation)
        d = own.distances(x)
        mine = own.owners[None] == y[:, None]
        near = d.masked_fill(~mine, torch.inf).amin(1)
        far = d.masked_fill(mine, torch.inf).amin(1)
        right = F.cross_entropy(own.head(similarity(d)), y, reduction="none")
        told = {"cluster": near.detach(), "separation": far.detach()}
        yield Loss(right + self.cluster * near - self.separation * far, metrics=told)

    def after_step(self, _player: str, /) -> None:
        """Count."""
        self.steps += 1

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The classes' loss alone, and the answers."""
        x, y = batch
        outputs = self.model(x)
        return {"loss": F.cross_entropy(outputs, y, reduction="none"), "outputs": outputs}

    @torch.no_grad()
    def _begin(self, own: PrototypeNetwork, x: Tensor, y: Tensor) -> None:
        """Prototypes of the first pictures of each class, at places spread evenly."""
        places = own.patches(x[:1]).flatten(2).shape[2]
        for number, owner in enumerate(own.owners.tolist()):
            rows = (y == owner).nonzero()[:, 0]
            if len(rows):
                own.pictures[number] = x[rows[number % len(rows)]]
            own.places[number] = (number * 7919 + places // 2) % places
        own.begun.fill_(True)


@torch.no_grad()
def compete(
    own: PrototypeNetwork,
    x: Float[Tensor, "b c y x"],
    y: Int[Tensor, " b"],
    cluster: float,
    separation: float,
    /,
) -> int:
    """Exchange each class's worst prototype for the batch's best patch, where that is better.

    Args:
        own: the network.
        x: pictures as it sees them.
        y: their classes.
        cluster: how much nearness to the own class counts.
        separation: how much distance to other classes counts.

    Returns:
        How many were exchanged.
    """
    patches, vectors, changed = own.patches(x).flatten(2), own.vectors(), 0

    def cost(candidates: Tensor, mine: Tensor, others: Tensor) -> Tensor:
        """Cluster less separation of each candidate beside the prototypes that stay."""
        d = apart(patches, candidates).amin(1)  # b n
        near = torch.minimum(d[mine], others[mine, None]).mean(0)
        return cluster * near - separation * d[~mine].mean(0)

    for owner in y.unique().tolist():
        mine, belong = y == owner, (own.owners == owner).nonzero()[:, 0]
        if bool(mine.all()):
            continue
        d = apart(patches, vectors[belong]).amin(1)
        costs = []
        for number in range(len(belong)):
            rest = torch.cat([d[:, :number], d[:, number + 1 :]], 1)
            others = rest.amin(1) if rest.shape[1] else torch.full_like(d[:, 0], torch.inf)
            costs.append((cost(vectors[belong[number], None], mine, others)[0], number, others))
        now, worst, others = max(costs, key=lambda one: float(one[0]))
        candidates = patches[mine].transpose(1, 2).flatten(0, 1)
        found, best = cost(candidates, mine, others).min(0)
        if found < now - MARGIN * now.abs():
            row, place = divmod(int(best), patches.shape[2])
            own.pictures[belong[worst]] = x[mine][row]
            own.places[belong[worst]] = place
            changed += 1
    return changed


def prototypes_in(model: nn.Module, /) -> PrototypeNetwork:
    """The prototype network that a model is.

    Raises:
        UsageError: it is none.
    """
    inner = model.model if isinstance(model, Signed) else model
    if not isinstance(inner, PrototypeNetwork):
        raise UsageError(f"{type(inner).__name__} has no prototypes; expected prototype-network")
    return inner
