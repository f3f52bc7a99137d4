import numpy as np
import pytest
import torch

from cartograd.architectures.mlp import MLP
from cartograd.training.losses.contrastive import contrastive
from tests.reference import Reference

datasets = Reference("sklearn.datasets")
neighbors = Reference("sklearn.neighbors")


@pytest.mark.oracle("contrastive")
def test_equals_the_formula():
    u, v = torch.randn(2, 50, 4, dtype=torch.float64)
    differs = torch.arange(50) % 2 == 0
    y, distance = differs.numpy(), np.sqrt(((u - v).numpy() ** 2).sum(1))
    expected = 0.5 * (1 - y) * distance**2 + 0.5 * y * np.maximum(0, 3 - distance) ** 2
    found = contrastive(u, v, differs, margin=3.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.law("contrastive")
def test_gradients_at_the_edges():
    u = torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    loss = contrastive(u, torch.zeros(3, 2), torch.tensor([False, True, True]), margin=2.0)
    (gradient,) = torch.autograd.grad(loss.sum(), u)
    assert loss.tolist() == [0, 2, 0]
    assert not gradient.any()


@pytest.mark.law("contrastive")
def test_learns_an_embedding_of_digits():
    data = datasets.load_digits()
    x, y = torch.tensor(data.data / 16).float(), torch.tensor(data.target)
    train, test = slice(0, 1200), slice(1200, None)
    model = MLP(features=64, classes=2, widths=(64,))

    def accuracy():
        with torch.no_grad():
            places = model(x).numpy()
        judge = neighbors.KNeighborsClassifier(5).fit(places[train], y[train])
        return judge.score(places[test], y[test])

    before = accuracy()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(600):
        i, j = torch.randint(1200, (2, 512))
        optimizer.zero_grad()
        contrastive(model(x[i]), model(x[j]), y[i] != y[j], margin=2.0).mean().backward()
        optimizer.step()
    assert before < 0.7 < 0.85 < accuracy()
