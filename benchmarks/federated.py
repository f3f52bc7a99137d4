"""A round of federated averaging: clients computed at once, against one after the other.

A hundred clients take two epochs of SGD on digits of their own, in batches of ten. Both sides begin
from the same weights, take the same batches in the same order, and answer with their mean weights.
The rival is the usual loop: a copy of the network, an optimizer of torch's and steps on slices of a
tensor, client by client. One thread, float32.
"""

from typing import Any

from benchmarks.case import Case, Timer

CLIENTS, SIZE, EPOCHS, LR = 100, 10, 2, 0.1


def _federation() -> Any:
    from cartograd.apps.verbs.plan import planned

    plan = planned(
        "mlp:widths=[64]", "digits", batch_size=SIZE,
        federated=f"fedavg:clients={CLIENTS},local_epochs={EPOCHS},lr={LR}",
    )  # fmt: skip
    return plan.federation


def _at_once(clock: Timer) -> list[float]:
    federation = _federation()
    local, start = federation.local, federation.local.begin()
    assert local.way == "vmap"
    draws = list(range(CLIENTS))
    local.run(federation.clients[:2], start, draws=draws[:2])  # what is loaded lazily
    with clock(CLIENTS):
        found = local.run(federation.clients, start, draws=draws)
        mean = (federation.sizes / federation.sizes.sum()) @ found.weights
    return mean.tolist()


def _one_by_one(clock: Timer) -> list[float]:
    import copy

    import torch

    from cartograd.data.dataset.plan import order

    federation = _federation()
    module, part = federation.local.module, federation.local.part
    inputs, targets = part.inputs, part.targets
    lost = torch.nn.CrossEntropyLoss()

    def learned(place: int) -> torch.Tensor:
        own, model = federation.clients[place], copy.deepcopy(module)
        optimizer = torch.optim.SGD(model.parameters(), lr=LR)
        for epoch in range(EPOCHS):
            for some in own[order(len(own), seed=place, epoch=epoch)].split(SIZE):
                optimizer.zero_grad()
                lost(model(inputs[some]), targets[some]).backward()
                optimizer.step()
        return torch.nn.utils.parameters_to_vector(model.parameters()).detach()

    learned(0), learned(1)  # what is loaded lazily
    with clock(CLIENTS):
        rows = [learned(place) for place in range(len(federation.clients))]
        mean = (federation.sizes / federation.sizes.sum()) @ torch.stack(rows)
    return mean.tolist()


CASES = (
    Case(
        name="a round of a hundred clients",
        what=f"{CLIENTS} clients, {EPOCHS} epochs of {SIZE} digits a step through a dense network "
        "of 64 units.",
        unit="client",
        sides={"Cartograd": _at_once, "looped clients": _one_by_one},
        asked={"looped clients": 10.0},
        tolerance=1e-4,
    ),
)
