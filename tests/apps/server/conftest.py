import pytest
import torch
from starlette.testclient import TestClient
from torch import nn

from cartograd.apps.server.app import application
from cartograd.apps.server.body import Limits
from cartograd.apps.server.load import load
from cartograd.core.ports import Column, Port, Signature
from cartograd.core.signed import Signed, sign

IMAGE = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0))
DIGIT = Port("digit", "label", (10,), labels=tuple("0123456789"))
ROW = Port(
    "row",
    "table",
    (4,),
    columns=(
        Column("age", mean=40.0, std=10.0, indicator=True),
        Column("town", categories=("Bonn", "Oslo")),
    ),
)


def linear(given: Port, answer: Port) -> Signed:
    model = nn.Sequential(nn.Flatten(), nn.Linear(given.size, answer.size), nn.Dropout(0.5))
    return sign(model, Signature((given,), (answer,)))


@pytest.fixture
def digits() -> Signed:
    return linear(IMAGE, DIGIT)


@pytest.fixture
def prices() -> Signed:
    """A linear model of a table whose weights are known: 1, 10, 100 and 1000."""
    model = linear(ROW, Port("price", "value", (1,)))
    with torch.no_grad():
        model.model[1].weight.copy_(torch.tensor([[1.0, 10.0, 100.0, 1000.0]]))
        model.model[1].bias.zero_()
    return model


@pytest.fixture
def client():
    """A client of a model's server that sees what a real one would: 500 instead of a traceback."""
    opened = []

    def make(model, **limits) -> TestClient:
        app = application(load(model), limits=Limits(**limits))
        opened.append(TestClient(app, raise_server_exceptions=False))
        return opened[-1].__enter__()

    yield make
    for item in opened:
        item.__exit__()
