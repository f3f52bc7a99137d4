"""Models that explain themselves: concept bottlenecks."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from cartograd.apps.results.studied import Studied
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.frontier.explain.glassbox.concept_bottleneck import PRESETS, ConceptBottleneck
from cartograd.frontier.explain.glassbox.learn_concepts import LearnConcepts
from cartograd.frontier.explain.studies.interventions import interventions
from tests.reference import Reference

datasets = Reference("sklearn.datasets")
BITS = tuple(tuple(c for c in range(10) if c >> bit & 1) for bit in range(4))


def digits():
    data = datasets.load_digits()
    return torch.from_numpy(data.images).float()[:, None] / 16, torch.from_numpy(data.target).long()


def learned(objective, x, y, *, steps, batch=128, lr=3e-3):
    optimizer = torch.optim.Adam(objective.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        rows = torch.randint(len(x), (batch,), generator=generator)
        for loss in objective.losses((x[rows], y[rows])):
            optimizer.zero_grad()
            loss.value.mean().backward()
            optimizer.step()
    return objective.eval()


@pytest.mark.law("interventions")
@pytest.mark.place("xai/concept-bottleneck")
def test_interventions_raise_accuracy(tmp_path):
    torch.manual_seed(0)
    x, y = digits()
    port = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0), mean=(0.3,), std=(0.38,))
    label = Port("digit", "label", (10,), labels=tuple("0123456789"))
    inner = ConceptBottleneck(features=64, classes=10, concepts=BITS, widths=(32,))
    model = Signed(inner, Signature((port,), (label,)))
    learned(LearnConcepts(model=model), x[:600], y[:600], steps=150, lr=0.02)
    found = interventions(model, x[600:], y[600:])
    assert found.corrected == (0, 1, 2, 3, 4)
    assert found.unsure[0] == found.drawn[0]
    own = float((model(x[600:]).argmax(1) == y[600:]).double().mean())
    assert own == pytest.approx(found.unsure[0])
    assert 0.6 < own < 0.99
    for curve in (found.unsure, found.drawn):
        assert all(a < b for a, b in pairwise(curve) if a < 1)
        assert curve[-1] == 1
    assert found.unsure[1] > found.drawn[1]
    told = Studied("interventions", port, len(x) - 600, found)
    assert told.draw(tmp_path / "curve.png").stat().st_size > 4000
    assert [name for name, _ in told.notes] == [f"concept {number}" for number in range(1, 5)]
    with pytest.raises(UsageError, match="Linear has no concepts"):
        interventions(nn.Linear(64, 10), x.flatten(1), y)


@pytest.mark.law("concept-bottleneck")
@pytest.mark.place("xai/concept-bottleneck")
def test_the_same_concepts_have_the_same_answer():
    torch.manual_seed(0)
    model = ConceptBottleneck(features=4, classes=3, concepts=((0, 1), (1, 2)), widths=(1,))
    x = torch.randn(50, 4)
    model.network.hidden[0].weight.data[0, 2:] = 0
    other = torch.cat([x[:, :2], torch.randn(50, 2)], 1)
    assert not torch.equal(x, other)
    assert torch.equal(model.concepts_of(x), model.concepts_of(other))
    assert torch.equal(model(x), model(other))
    for wrong, told in (((), "needs concepts"), (((0, 3),), "name the class 3; expected 0 to 2")):
        with pytest.raises(UsageError, match=told):
            ConceptBottleneck(features=4, classes=3, concepts=wrong)
    with pytest.raises(UsageError, match="1 names for 2 concepts"):
        ConceptBottleneck(features=4, classes=3, concepts=((0,), (1,)), names=("one",))


@pytest.mark.law("concept-bottleneck")
def test_right_concepts_have_the_right_answer():
    preset = PRESETS["concept-bottleneck-fashion"]
    torch.manual_seed(0)
    model = ConceptBottleneck(features=4, classes=10, **preset)
    assert len({tuple(code) for code in model.codes.tolist()}) == 10
    assert model.codes.shape == (10, 8)
    learned(
        LearnConcepts(model=model),
        torch.randn(10, 4),
        torch.arange(10),
        steps=150,
        batch=20,
        lr=0.05,
    )
    assert (model.head(model.codes).argmax(1) == torch.arange(10)).all()


@pytest.mark.law("learn-concepts")
@pytest.mark.parametrize("form", ["independent", "sequential", "joint"])
def test_what_reaches_the_network(form):
    torch.manual_seed(0)
    model = ConceptBottleneck(features=4, classes=3, concepts=((0, 1), (1, 2)), widths=(5,))
    x, y = torch.randn(9, 4), torch.arange(9) % 3
    gradients = []
    for size in (1.0, 5.0):  # what comes back from the classes changes with the last layer
        model.head.weight.data.copy_(size * torch.ones(3, 2).cumsum(0))
        [loss] = LearnConcepts(model=model, form=form).losses((x, y))
        own = torch.autograd.grad(loss.value.sum(), list(model.network.parameters()))
        gradients.append(torch.cat([one.flatten() for one in own]))
    assert torch.equal(*gradients) == (form != "joint")
    assert loss.metrics["concepts"].mean() <= 1
    with pytest.raises(UsageError, match="unknown form 'together'"):
        LearnConcepts(model=model, form="together")
