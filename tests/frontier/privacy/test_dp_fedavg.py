import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.frontier.federated.fedprox import fedprox
from cartograd.frontier.federated.scaffold import scaffold
from cartograd.frontier.privacy.dp_fedavg import dp_fedavg
from cartograd.frontier.privacy.loss_distribution import epsilon
from tests.frontier.federated.support import founded, part, row, trained

GIVEN = {"delta": 1e-3, "secret": 3}


def bounded(federation=None, rounds=5, **given):
    federation = founded() if federation is None else federation
    return federation, dp_fedavg(federation, part(), 8, rounds, **GIVEN | given)


@pytest.mark.law("dp-fedavg")
def test_without_noise_and_with_all_clients_alike_it_is_averaging():
    data = part(rows=44)
    right = trained(founded(data=data, local_epochs=3), 2)[0]
    federation, _ = bounded(founded(data=data, local_epochs=3), noise=0.0, clip=1e6)
    torch.testing.assert_close(trained(federation, 2)[0], right)


@pytest.mark.law("dp-fedavg")
def test_no_client_moves_a_round_by_more_than_the_bound():
    _, bound = bounded(founded(clients=5, share=0.4), noise=0.0, clip=0.3)
    updates = torch.randn(5, 50, generator=torch.Generator().manual_seed(1))
    updates[4] *= 1e3
    with_it, without = (bound.combined(bound.clipped(one), 0) for one in (updates, updates[:4]))
    moved = (with_it - without).norm() * 0.4 * 5
    assert moved.item() == pytest.approx(0.3, rel=1e-5)
    short = 0.01 * updates[:1] / updates[:1].norm()
    assert torch.equal(bound.clipped(short), short)


@pytest.mark.law("dp-fedavg")
def test_noise_is_of_the_told_spread_also_where_nobody_joins():
    federation, bound = bounded(founded(clients=8, share=0.25, lr=0.0), noise=2.0, clip=0.5)
    start = row(federation)
    moved = []
    for number in range(60):
        batch = tuple(torch.full((8,), value) for value in (0, number, 0))
        (loss,) = federation.losses((torch.arange(8), *batch[1:]))
        (slope,) = torch.autograd.grad(loss.value.mean(), federation.players["model"][0].weight)
        moved.append(slope.flatten())
    assert torch.equal(row(federation), start)
    spread = torch.stack(moved).std() * 0.25 * 8
    assert spread.item() == pytest.approx(1.0, rel=0.06)
    joined = torch.stack([bound.members(number) for number in range(400)])
    assert (~joined.any(1)).any()
    assert joined.float().mean() == pytest.approx(0.25, abs=0.03)
    assert joined.sum(1).float().var() == pytest.approx(8 * 0.25 * 0.75, rel=0.2)


def test_the_account_is_that_of_dp_sgd_with_clients_for_examples():
    federation, bound = bounded(founded(clients=20, share=0.5), rounds=40, epsilon=4.0)
    account = bound.account(40)
    assert account["epsilon"] <= 4.0
    assert account["epsilon"] == pytest.approx(4.0, rel=0.01)
    assert account["epsilon"] == epsilon(rate=0.5, noise=bound.noise, steps=40, delta=1e-3)
    assert "client" in account["neighbours"]
    assert account["secret"].startswith("told")
    unsaid = [bounded(secret=None, noise=1.0)[0].secret for _ in range(2)]
    assert unsaid[0] != unsaid[1]
    assert federation.account(3)["in a round"] == 10


NORMED = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))
REFUSED = {
    "both": ({}, {"epsilon": 1.0, "noise": 1.0}, "leave one out"),
    "a likely publication": ({}, {"delta": 0.5}, "publish one of 4 clients"),
    "control variates": ({"make": scaffold}, {}, "control variates"),
    "a median": ({"aggregate": "median"}, {}, "aggregate=median"),
    "masks": ({"secure": True}, {}, "secure=true"),
    "a twin": ({"central": True}, {}, "central=true"),
    "batch normalisation": ({"model": NORMED}, {}, "batch normalisation"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_bounds_nothing_is_refused(name):
    made, given, why = REFUSED[name]
    with pytest.raises(UsageError, match=why):
        bounded(founded(**made), **given)


def test_a_pull_to_the_server_may_be_bounded_too():
    federation, _ = bounded(founded(fedprox), noise=1.0)
    assert trained(federation)[0].isfinite().all()
