"""Federated averaging: clients learn on examples that stay with them, a server averages weights.

Sending a gradient after each batch costs a message for each step. Here a client takes many steps by
itself and sends the weights that it came to; the server's new weights are their mean, in which each
example counts alike. With one step on all of a client's examples this is gradient descent at one
place; with more, clients with other examples pull in other directions, and the mean is behind.

    w <- w + lr_server sum_k n_k / n (w_k - w),   w_k: `local_epochs` of SGD from w

Shapes: a batch is a round, with a row for each client.

Departures: several of the paper's followers are options here. The server's step is the run's
`optimizer` (SGD with a rate of 1 unless told otherwise; `adam:lr=0.01` and `yogi` are FedOpt), what
it makes of updates `aggregate`. Updates can be hidden by `secure`, or bounded and hidden in noise
by `privacy=dp-fedavg`. No client drops out within a round.

References:
    Brendan McMahan, Eider Moore, Daniel Ramage, Seth Hampson, Blaise Agüera y Arcas. Communication-
    efficient learning of deep networks from decentralized data. AISTATS 2017.
    https://arxiv.org/abs/1602.05629
    Sashank Reddi and others. Adaptive federated optimization. ICLR 2021.
    https://arxiv.org/abs/2003.00295

>>> import torch
>>> from cartograd.frontier.federated.robust import mean
>>> updates = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
>>> mean(updates, torch.tensor([30.0, 10.0])).tolist()
[0.75, 0.25]
"""

from typing import Literal

from cartograd.core.card import Card
from cartograd.core.protocols import Objective
from cartograd.data.dataset.dataset import Examples
from cartograd.frontier.federated.federation import Federation
from cartograd.frontier.federated.founding import founded

CARD = Card(
    name="fedavg",
    kind="federated",
    entry="fedavg",
    nodes=("privacy/federated",),
    title="Federated averaging",
    zh="联邦平均（FedAvg）",
    paper="Communication-efficient learning of deep networks from decentralized data",
    year=2017,
    url="https://arxiv.org/abs/1602.05629",
    proofs=(
        "law: of masked updates the sum is exact of those that sent, whichever clients leave at "
        "which stage; too few are refused",
        "law: one step of each client on all its examples is a step at one place, to 1e-12 in "
        "float64",
        "law: clients that learn at once end where they end one by one, to 1e-6",
        "law: a server that steps by SGD with a rate of 1 is where the clients' mean is",
        "law: masked updates add up to the sum of the plain ones, exactly, and look like noise",
        "law: medians, trimmed means, Krum and Bulyan are those of independent formulas",
        "law: separate processes end where one process does",
    ),
    tiny={"clients": 3},
    evidence={
        "privacy/federated": (
            "test_separate_processes_end_where_one_does",
            "test_one_step_of_each_client_is_a_step_at_one_place",
            "test_clients_with_other_classes_cost_accuracy",
        ),
    },
)

Aggregate = Literal["mean", "median", "trimmed-mean", "krum", "bulyan"]


def fedavg(
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
    aggregate: Aggregate = "mean",
    faulty: int = 0,
    secure: bool = False,
    dropouts: float = 0.0,
    flipped: int = 0,
    central: bool = False,
) -> Federation:
    """A federated training: an objective, and the rounds that go with it.

    Args:
        objective: whose losses; of one player.
        part: the training examples of all clients.
        size: of a client's batches; a client with fewer examples takes all of them.
        seed: of all draws.
        clients: how many there are; at least 2.
        share: part of the clients that take part in a round, drawn anew for each.
        alpha: how alike the clients' classes are, of a Dirichlet distribution: .1 gives each a few
            classes; left out, all have the same.
        local_epochs: how often a client goes through its examples in a round.
        lr: of the clients' SGD.
        aggregate: what the server makes of updates: their `mean`, or what a few wrong ones do not
            move far: `median`, `trimmed-mean`, `krum`, `bulyan`.
        faulty: how many wrong clients the last three reckon with.
        secure: whether masks hide all but the sum of the updates from the server.
        dropouts: which part of the clients of a round leaves in the midst of it, before one of the
            stages of such a sum; the sum of the rest is found, as long as most are left.
        flipped: how many clients send their update with the sign turned and times the number of
            clients, to see what that does.
        central: whether the same number of epochs is trained beside it on all examples at one
            place, to compare with (`valid/central/loss`).

    Raises:
        UsageError: examples cannot be shared out like that, or arguments do not go together.
    """
    return founded(
        "fedavg", objective, part, size, seed,
        clients=clients, share=share, alpha=alpha, local_epochs=local_epochs, lr=lr,
        aggregate=aggregate, faulty=faulty, secure=secure, dropouts=dropouts, flipped=flipped,
        central=central,
    )  # fmt: skip
