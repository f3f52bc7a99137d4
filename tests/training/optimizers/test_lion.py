import pytest
import torch

from cartograd.architectures.mlp import MLP
from cartograd.engine.loop.fit import fit
from cartograd.training.objectives.classify import Classify
from cartograd.training.optimizers import lion
from tests.training.optimizers.support import START, gradient, ours


@pytest.mark.oracle("lion")
def test_equals_keras():
    keras = pytest.importorskip("keras")
    theirs = keras.optimizers.Lion(learning_rate=0.03, beta_1=0.8, beta_2=0.95, weight_decay=0.1)
    weight = keras.Variable(START.float().numpy())
    theirs.build([weight])
    path = []
    for _ in range(20):
        slope = gradient(weight.value.detach().double()).float()
        theirs.apply([slope])
        path.append(weight.value.detach().clone())
    found = ours(lion.update, lr=0.03, betas=(0.8, 0.95), weight_decay=0.1)
    torch.testing.assert_close(found.float(), torch.stack(path), rtol=0, atol=1e-5)


@pytest.mark.law("lion")
def test_every_weight_moves_by_the_rate():
    path = torch.cat((START[None], ours(lion.update, lr=0.03)))
    moved = path.diff(dim=0).abs()
    torch.testing.assert_close(moved, torch.full_like(moved, 0.03), rtol=0, atol=1e-12)


@pytest.mark.law("lion")
def test_trains_a_network_by_name():
    x = torch.randn(64, 4)
    y = (x[:, 0] > x[:, 1]).long()
    model = MLP(features=4, classes=2, widths=(16,))
    run = fit(
        Classify(model=model),
        [(x, y)],
        optimizers="lion:lr=0.02,weight_decay=0.1",
        schedules="cosine",
        epochs=80,
        device="cpu",
    )
    assert run.history[-1]["train/loss"] < 0.2 * run.history[0]["train/loss"]
