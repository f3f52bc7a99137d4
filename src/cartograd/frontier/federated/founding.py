"""A federation of an objective and a training part, with everything looked at before it begins."""

from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Examples
from cartograd.frontier.federated.division import divided
from cartograd.frontier.federated.federation import Federation, Terms
from cartograd.frontier.federated.leaving import check
from cartograd.frontier.federated.local_steps import LocalSteps
from cartograd.frontier.federated.robust import combination


def founded(
    name: str,
    objective: Any,
    part: Examples,
    size: int,
    seed: int,
    /,
    *,
    clients: int,
    share: float,
    alpha: float | None,
    local_epochs: int,
    lr: float,
    central: bool,
    proximal_weight: float = 0.0,
    aggregate: str = "mean",
    faulty: int = 0,
    secure: bool = False,
    dropouts: float = 0.0,
    flipped: int = 0,
    controlled: bool = False,
) -> Federation:
    """The federation of a method.

    Args:
        name: of the method.
        objective: whose losses.
        part: the training examples of all clients.
        size: of a client's batches.
        seed: of who has which examples, who takes part and in which order clients learn.
        clients: how many there are.
        share: part of them that takes part in a round.
        alpha: how alike their classes are; None for all the same.
        local_epochs: of a client in a round.
        lr: of the clients' SGD.
        central: whether the same is trained beside it at one place.
        proximal_weight: how strongly clients are held at where the round began.
        aggregate: what the server makes of updates.
        faulty: how many wrong clients that reckons with.
        secure: whether masks hide all but the sum.
        dropouts: which part of the clients leaves in the midst of a round.
        flipped: how many clients send their update turned round.
        controlled: whether control variates correct their gradients.

    Raises:
        UsageError: the objective has several players, examples cannot be shared out like that, or
            what was asked for does not go together.
    """
    if len(objective.players) != 1:
        raise UsageError(
            f"{name}: the objective has the players {', '.join(objective.players)}; expected one, "
            "whose weights clients and server send each other"
        )
    if secure and aggregate != "mean":
        raise UsageError(
            f"{name}: secure=true tells the server a sum alone, and aggregate={aggregate} has to "
            "see each update; leave one of them out"
        )
    if controlled and lr == 0:
        raise UsageError(f"{name}: lr=0 takes no steps to learn a direction from; raise it")
    if flipped >= clients:
        raise UsageError(f"{name}: flipped={flipped} of {clients} clients leaves no honest one")
    parts = divided(part.targets, clients, alpha=alpha, seed=seed)
    having = sum(len(own) > 0 for own in parts)
    taking = max(1, round(share * having))
    check(name, taking, secure=secure, dropouts=dropouts)
    local = LocalSteps(objective, part, size=size, epochs=local_epochs, lr=lr, mu=proximal_weight)
    terms = Terms(
        name, share, combination(aggregate, faulty=faulty, clients=taking), aggregate,
        secure=secure, controlled=controlled, flipped=flipped, central=central, dropouts=dropouts,
    )  # fmt: skip
    return Federation(local, parts, terms=terms, seed=seed)
