"""Clients as Flower calls them; the server here is what Flower's FedAvg does with arrays."""

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.frontier.federated.fedprox import fedprox
from cartograd.frontier.federated.flower import FlowerClient, arrays, row, take
from cartograd.frontier.federated.scaffold import scaffold
from cartograd.frontier.privacy.dp_fedavg import dp_fedavg
from tests.frontier.federated.support import founded, network, part, trained
from tests.frontier.federated.support import row as weights_of

GIVEN = {"clients": 3, "alpha": 0.5, "size": 8}


def averaged(clients, rounds):
    """Rounds of a server that knows arrays and numbers of examples alone."""
    sent = clients[0].get_parameters({})
    for number in range(rounds):
        said = [client.fit(sent, {"server_round": number + 1}) for client in clients]
        total = sum(count for _, count, _ in said)
        sent = [
            np.sum([count / total * found[i] for found, count, _ in said], 0)
            for i in range(len(sent))
        ]
    return sent, said


@pytest.mark.law("fedavg")
@pytest.mark.parametrize("make", ["fedavg", "fedprox"])
def test_flowers_averaging_of_our_clients_is_ours(make):
    more = {"make": fedprox} if make == "fedprox" else {}
    federation = founded(**GIVEN, **more)
    clients = [FlowerClient(federation, number) for number in range(3)]
    before = weights_of(federation).clone()
    sent, said = averaged(clients, 3)
    assert torch.equal(weights_of(federation), before)  # the model is the server's to change
    other = founded(**GIVEN, **more)
    right, run = trained(other, 3)
    torch.testing.assert_close(row(federation, sent), right, atol=1e-12, rtol=0)
    losses = sum(count * told["loss"] for _, count, told in said) / 43
    assert losses == pytest.approx(run.history[-1]["train/loss"], abs=1e-6)
    take(federation, sent)
    torch.testing.assert_close(weights_of(federation), right, atol=1e-12, rtol=0)


def test_a_client_evaluates_on_its_own_examples_and_leaves_the_model():
    federation = founded(**GIVEN)
    client, own = FlowerClient(federation, 1), federation.clients[1]
    federation.local.module.train()
    loss, count, _ = client.evaluate(client.get_parameters({}), {})
    data, model = part(), network()
    right = nn.functional.cross_entropy(model(data.inputs[own]), data.targets[own])
    assert loss == pytest.approx(right.item(), abs=1e-6)
    assert count == len(own) == client.get_properties({})["examples"]
    assert federation.local.module.training
    assert arrays(federation, weights_of(federation))[0].shape == (5, 6)


class NumPyClient:
    """What Flower 1.42 has under this name, as far as it is called."""

    def fit(self, parameters, config):
        raise NotImplementedError

    def to_client(self):
        assert type(self).fit is not NumPyClient.fit  # Flower asks so whether a client can fit
        return self


def test_it_is_handed_over_as_flowers_own(monkeypatch):
    client = FlowerClient(founded(**GIVEN), 0)
    for name in ("flwr", "flwr.client"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match="Flower is not installed here"):
        client.to_client()
    package, inside = ModuleType("flwr"), ModuleType("flwr.client")
    inside.NumPyClient = NumPyClient
    monkeypatch.setitem(sys.modules, "flwr", package)
    monkeypatch.setitem(sys.modules, "flwr.client", inside)
    theirs = client.to_client()
    assert isinstance(theirs, NumPyClient)
    sent = theirs.get_parameters({})
    for ours, found in zip(client.fit(sent, {"round": 1})[0], theirs.fit(sent, {"round": 1})[0],
                           strict=True):  # fmt: skip
        assert np.array_equal(ours, found)


REFUSED = {
    "no such client": ({}, 3, "there are clients 0 to 2"),
    "control variates": ({"make": scaffold}, 0, "control variates"),
    "masks": ({"secure": True}, 0, "secure=true is for our server"),
    "a median": ({"aggregate": "median"}, 0, "aggregate=median is for our server"),
    "a twin": ({"central": True}, 0, "central=true"),
    "a liar": ({"flipped": 1}, 0, "flipped="),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_flowers_server_would_not_do_is_refused(name):
    more, number, why = REFUSED[name]
    with pytest.raises(UsageError, match=why):
        FlowerClient(founded(**GIVEN, **more), number)


def test_arrays_of_another_model_and_bounded_federations_are_refused():
    federation = founded(**GIVEN)
    client = FlowerClient(federation, 0)
    with pytest.raises(UsageError, match=r"the model of this client has \[\(5, 6\)"):
        client.fit(client.get_parameters({})[1:], {})
    dp_fedavg(federation, part(), 8, 2, noise=1.0)
    with pytest.raises(UsageError, match="privacy=dp-fedavg is for our server"):
        FlowerClient(federation, 0)
