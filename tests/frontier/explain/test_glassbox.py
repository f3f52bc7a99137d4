"""Models that explain themselves: concept bottlenecks and prototype networks."""

from dataclasses import replace
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
from cartograd.frontier.explain.glassbox.learn_prototypes import LearnPrototypes, compete
from cartograd.frontier.explain.glassbox.prototype_network import (
    EPS,
    PrototypeNetwork,
    apart,
    similarity,
)
from cartograd.frontier.explain.studies.interventions import interventions
from cartograd.frontier.explain.studies.prototypes import prototypes
from tests.reference import Reference

datasets = Reference("sklearn.datasets")
BITS = tuple(tuple(c for c in range(10) if c >> bit & 1) for bit in range(4))


def digits():
    data = datasets.load_digits()
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
    x = torch.from_numpy(data.images).float()[:, None] / 16
    return x[order], torch.from_numpy(data.target).long()[order]


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


@pytest.fixture(scope="module")
def looks_like():
    """A prototype network of digits, with the pictures that it learned from and others."""
    torch.manual_seed(0)
    x, y = digits()
    port = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0), mean=(0.3,), std=(0.38,))
    label = Port("digit", "label", (10,), labels=tuple("0123456789"))
    inner = PrototypeNetwork(channels=1, size=8, classes=10, prototypes=2, width=16)
    model = Signed(inner, Signature((port,), (label,)))
    objective = LearnPrototypes(model=model)
    after = objective.losses

    def stepping(batch):
        yield from after(batch)
        objective.after_step("model")

    objective.losses = stepping
    learned(objective, x[:1000], y[:1000], steps=140, batch=64, lr=0.01)
    return model, x[:1000], y[:1000], x[1000:], y[1000:]


@pytest.mark.law("prototypes")
@pytest.mark.place("xai/prototype")
def test_digits_look_like_digits(looks_like, tmp_path):
    model, *_, x, y = looks_like
    found = prototypes(model, x, y)
    assert found.accuracy > 0.9
    assert found.accuracy == float((model(x).argmax(1) == y).double().mean())
    assert sum(found.shares) == pytest.approx(1)
    assert list(found.labels) == [str(n // 2) for n in range(20)]
    two = Studied("prototypes", model.signature.input, len(x), replace(found, labels=("0", "0")))
    assert two.draw(tmp_path / "prototypes.png").stat().st_size > 4000
    with pytest.raises(UsageError, match="Linear has no prototypes"):
        prototypes(nn.Linear(64, 10), x, y)


@pytest.mark.law("prototype-network")
@pytest.mark.place("xai/prototype")
def test_a_prototype_is_a_patch_of_its_picture(looks_like):
    model, x, y, *_ = looks_like
    inner = model.model
    pictures = inner.pictures * 0.38 + 0.3
    for number, (picture, owner) in enumerate(zip(pictures, inner.owners.tolist(), strict=True)):
        same = (x - picture).abs().flatten(1).amax(1) < 1e-6
        assert (y[same] == owner).any()
        assert float(inner.distances(inner.pictures[number, None])[0, number].detach()) < 1e-5
    top, bottom, first, last = inner.boxes().T
    assert (bottom - top >= 4).all()
    assert (last - first >= 4).all()


@pytest.mark.law("prototype-network")
def test_logits_are_linear_in_similarities():
    torch.manual_seed(0)
    model = PrototypeNetwork(channels=1, size=8, classes=3, prototypes=2, width=4).double()
    x = torch.rand(5, 1, 8, 8).double()
    z, p = model.patches(x), model.vectors()
    each = (z[:, None] - p[None, :, :, None, None]).square().sum(2)  # b m y x
    d = each.flatten(2).amin(2)
    torch.testing.assert_close(model.distances(x), d)
    torch.testing.assert_close(similarity(d), ((d + 1) / (d + EPS)).log())
    torch.testing.assert_close(model(x), similarity(d) @ model.head.weight.T)
    assert model.head.weight.unique().tolist() == [-0.5, 1.0]


@pytest.mark.law("learn-prototypes")
def test_an_exchange_is_for_the_better():
    torch.manual_seed(0)
    model = PrototypeNetwork(channels=1, size=8, classes=2, prototypes=1, width=6).double()
    x = torch.rand(30, 1, 8, 8).double() * 0.3
    x[15:, :, :4] += 0.7
    y = torch.arange(30) // 15

    def cost():
        d = apart(model.patches(x).flatten(2), model.vectors()).amin(1)
        own = model.owners[None] == y[:, None]
        return float((0.8 * d[own].mean() - 0.08 * d[~own].mean()).detach())

    costs = [cost()]
    while compete(model, x, y, 0.8, 0.08):
        costs.append(cost())
    assert len(costs) > 1
    assert all(later < before for before, later in pairwise(costs))
    for picture, owner in zip(model.pictures, model.owners.tolist(), strict=True):
        [row] = [n for n in range(30) if torch.equal(x[n], picture)]
        assert y[row] == owner
    with pytest.raises(UsageError, match="Linear has no prototypes"):
        LearnPrototypes(model=nn.Linear(2, 2))
