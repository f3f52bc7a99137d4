import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.sources.adding import adding
from cartograd.data.sources.copying import copying


@pytest.mark.law("copying")
def test_symbols_are_asked_for_after_the_lag():
    data = copying(lag=7, symbols=3, classes=4, examples=50)
    x, y = data.train.inputs, data.train.targets
    assert x.shape == y.shape == (50, 3 + 6 + 3)
    assert torch.equal(x[:, :3], y[:, -3:])
    assert (x[:, 3:9] == 4).all()
    assert (x[:, 9:] == 5).all()
    assert (y[:, :9] == -100).all()
    assert x[:, :3].unique().tolist() == [0, 1, 2, 3]


@pytest.mark.law("adding")
def test_two_marks_and_their_sum():
    data = adding(lag=11, examples=4000)
    numbers, marks = data.train.inputs.unbind(2)
    assert (marks[:, :5].sum(1) == 1).all()
    assert (marks[:, 5:].sum(1) == 1).all()
    assert marks.sum(0).min() > 0
    torch.testing.assert_close((numbers * marks).sum(1, keepdim=True), data.train.targets)
    assert data.train.targets.var().item() == pytest.approx(1 / 6, rel=0.1)
    with pytest.raises(UsageError, match="two marks"):
        adding(lag=1)


def test_models_are_built_for_their_steps():
    data = adding(lag=9, examples=20)
    model = build("gru", signature=data.signature, dim=4)
    assert model.spec.args["features"] == 2
    assert model(data.train.inputs[:3]).shape == (3, 1)
    data = copying(lag=9, examples=20)
    model = build("lstm-tagger", signature=data.signature, dim=4)
    assert model(data.train.inputs[:3]).shape == (3, 18, 4)
