"""FedProx: federated averaging whose clients are held at the server's weights.

Clients with other examples than the rest run off in directions of their own when they take many
steps. A quadratic pull to where the round began keeps them near it, so that their mean is one of
weights that mean the same.

    w_k: SGD on  loss_k(v) + proximal_weight / 2 |v - w|^2,  from v = w

Shapes: those of `fedavg`.

Departures: all clients take all their epochs; the paper lets slow ones end early.

References:
    Tian Li, Anit Kumar Sahu, Manzil Zaheer, Maziar Sanjabi, Ameet Talwalkar, Virginia Smith.
    Federated optimization in heterogeneous networks. MLSys 2020. https://arxiv.org/abs/1812.06127

>>> w, w0, slope, lr, weight = 2.0, 1.0, 3.0, 0.1, 0.5
>>> round(w - lr * (slope + weight * (w - w0)), 2)
1.65
"""

from cartograd.core.card import Card
from cartograd.core.protocols import Objective
from cartograd.data.dataset.dataset import Examples
from cartograd.frontier.federated.fedavg import Aggregate
from cartograd.frontier.federated.federation import Federation
from cartograd.frontier.federated.founding import founded

CARD = Card(
    name="fedprox",
    kind="federated",
    entry="fedprox",
    nodes=("privacy/federated",),
    title="FedProx",
    zh="FedProx（近端联邦优化）",
    paper="Federated optimization in heterogeneous networks",
    year=2020,
    url="https://arxiv.org/abs/1812.06127",
    proofs=("law: without the pull it is federated averaging; a strong one keeps clients at w",),
    tiny={"clients": 3},
)


def fedprox(
    objective: Objective,
    part: Examples,
    size: int,
    seed: int,
    /,
    *,
    clients: int = 10,
    share: float = 1.0,
    alpha: float | None = None,
    local_epochs: int = 1,
    lr: float = 0.1,
    proximal_weight: float = 0.1,
    aggregate: Aggregate = "mean",
    faulty: int = 0,
    secure: bool = False,
    central: bool = False,
) -> Federation:
    """Federated averaging with a pull to the server's weights.

    Args:
        objective: whose losses; of one player.
        part: the training examples of all clients.
        size: of a client's batches; a client with fewer examples takes all of them.
        seed: of all draws.
        clients: how many there are; at least 2.
        share: part of the clients that take part in a round, drawn anew for each.
        alpha: how alike the clients' classes are (see `fedavg`); left out, all have the same.
        local_epochs: how often a client goes through its examples in a round.
        lr: of the clients' SGD.
        proximal_weight: how strongly clients are held at where the round began.
        aggregate: what the server makes of updates (see `fedavg`).
        faulty: how many wrong clients trimmed-mean, krum and bulyan reckon with.
        secure: whether masks hide all but the sum of the updates from the server.
        central: whether the same is trained beside it on all examples at one place.

    Raises:
        UsageError: as `fedavg` says.
    """
    return founded(
        "fedprox", objective, part, size, seed,
        clients=clients, share=share, alpha=alpha, local_epochs=local_epochs, lr=lr,
        aggregate=aggregate, faulty=faulty, secure=secure, central=central,
        proximal_weight=proximal_weight,
    )  # fmt: skip
