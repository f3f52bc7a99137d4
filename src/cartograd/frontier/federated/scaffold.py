"""SCAFFOLD: federated averaging whose clients know in which direction they go astray.

Server and clients keep a mean of their gradients each (control variates). A client corrects its
steps by the difference, so that on average they go where those of all clients would, though it
sees its own examples only.

    w_k <- w_k - lr (grad_k(w_k) - c_k + c)
    c_k <- c_k - c + (w - w_k) / (steps lr),   c = sum_k n_k / n c_k

Shapes: those of `fedavg`.

Departures: control variates count by the numbers of examples, as weights do, where the paper takes
clients to have the same number; the second of its two renewals. Twice as much is sent.

References:
    Sai Praneeth Karimireddy, Satyen Kale, Mehryar Mohri, Sashank Reddi, Sebastian Stich, Ananda
    Theertha Suresh. SCAFFOLD: stochastic controlled averaging for federated learning. ICML 2020.
    https://arxiv.org/abs/1910.06378

>>> c, c_own, w, w_own, steps, lr = 0.2, 0.5, 1.0, 0.7, 3, 0.1
>>> round(c_own - c + (w - w_own) / (steps * lr), 2)
1.3
"""

from cartograd.core.card import Card
from cartograd.core.protocols import Objective
from cartograd.data.dataset.dataset import Examples
from cartograd.frontier.federated.federation import Federation
from cartograd.frontier.federated.founding import founded

CARD = Card(
    name="scaffold",
    kind="federated",
    entry="scaffold",
    nodes=("privacy/federated",),
    title="SCAFFOLD",
    zh="SCAFFOLD（受控联邦平均）",
    paper="SCAFFOLD: stochastic controlled averaging for federated learning",
    year=2020,
    url="https://arxiv.org/abs/1910.06378",
    proofs=(
        "oracle: Algorithm 1 written out, of clients with other numbers of examples and steps, to "
        "1e-10 in float64",
        "law: the server's control variate is the mean of the clients', and the first round is "
        "that of federated averaging",
        "law: of quadratic losses with other minima it finds that of their mean, which averaging "
        "with several steps does not",
    ),
    tiny={"clients": 3},
)


def scaffold(
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
    central: bool = False,
) -> Federation:
    """Federated averaging with control variates.

    Args:
        objective: whose losses; of one player.
        part: the training examples of all clients.
        size: of a client's batches; a client with fewer examples takes all of them.
        seed: of all draws.
        clients: how many there are; at least 2.
        share: part of the clients that take part in a round, drawn anew for each.
        alpha: how alike the clients' classes are (see `fedavg`); left out, all have the same.
        local_epochs: how often a client goes through its examples in a round.
        lr: of the clients' SGD; half of what averaging bears, as corrections are a round old.
        central: whether the same is trained beside it on all examples at one place.

    Raises:
        UsageError: as `fedavg` says.
    """
    return founded(
        "scaffold", objective, part, size, seed,
        clients=clients, share=share, alpha=alpha, local_epochs=local_epochs, lr=lr,
        central=central, controlled=True,
    )  # fmt: skip
