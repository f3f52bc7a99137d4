import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.engine.loop.fit import fit
from cartograd.frontier.security.adversarial_training import AdversarialTraining
from cartograd.frontier.security.pgd import pgd
from cartograd.training.objectives.classify import Classify


def model(outputs=None):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
    outputs = Port("y", "label", (3,)) if outputs is None else outputs
    return cg.sign(net, Signature((Port("x", "vector", (6,), bounds=(0.0, 1.0)),), (outputs,)))


X, Y = torch.rand(10, 6, generator=torch.Generator().manual_seed(1)), torch.arange(10) % 3


def slopes(objective, inner):
    torch.manual_seed(5)
    loss = next(objective.losses((X, Y)))
    return torch.autograd.grad(loss.value.sum(), list(inner.parameters()))


@pytest.mark.law("adversarial-training")
@pytest.mark.parametrize(
    "given", [{"eps": 0.0}, {"eps": 0.2, "form": "trades", "divergence_weight": 0.0}]
)
def test_without_a_ball_it_is_the_objective_that_it_wraps(given):
    inner = model().eval()
    plain = slopes(Classify(model=inner, label_smoothing=0.1), inner)
    wrapped = AdversarialTraining(model=inner, objective="classify:label_smoothing=0.1", **given)
    for ours, theirs in zip(slopes(wrapped, inner), plain, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_single_logit_learns_as_the_two_that_it_stands_for():
    """Its softmax alone would be 1 anywhere, and TRADES have no term."""
    ports = (Port("x", "vector", (6,), bounds=(0.0, 1.0)),), (Port("y", "label", (1,)),)
    torch.manual_seed(0)
    one = nn.Linear(6, 1)

    class Two(nn.Module):
        def forward(self, x):
            return nn.functional.pad(one(x), (1, 0))

    both = cg.sign(Two(), Signature(ports[0], (Port("y", "label", (2,)),)))
    found, told = [], []
    for model in (cg.sign(one, Signature(*ports)), both):
        objective = AdversarialTraining(model=model, eps=0.2, form="trades")
        torch.manual_seed(5)
        (loss,) = objective.losses((X, Y % 2))
        found.append(torch.autograd.grad(loss.value.sum(), list(one.parameters())))
        told.append(objective.validate((X, Y % 2))["robust-accuracy"])
    torch.testing.assert_close(*found)
    torch.testing.assert_close(*told)


class Seen(nn.Module):
    """Notes the inputs of passes in training mode."""

    def __init__(self, net):
        super().__init__()
        self.net, self.inputs = net, []

    def forward(self, x):
        if self.training:
            self.inputs.append(x.detach())
        return self.net(x)


@pytest.mark.law("adversarial-training")
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("form", ["pgd", "trades", "free"])
def test_what_is_learned_from_is_nearby_and_valid_and_worse(form, norm):
    seen = Seen(model().model)
    signed = cg.sign(seen, model().signature)
    objective = AdversarialTraining(model=signed, eps=0.1, steps=4, norm=norm, form=form)
    losses = list(objective.train().losses((X, Y)))
    assert len(losses) == (4 if form == "free" else 1)
    assert seen.training
    assert all(weight.grad is None for weight in seen.parameters())
    last = seen.inputs[-1]
    change = (last - X).flatten(1)
    assert (change.norm(float("inf") if norm == "linf" else 2, dim=1) <= 0.1 + 1e-6).all()
    assert last.min() >= 0
    assert last.max() <= 1
    signed.eval()
    clean, there = (nn.functional.cross_entropy(signed(x), Y) for x in (X, last))
    assert there > clean


@pytest.mark.place("defense/adversarial-training")
@pytest.mark.law("adversarial-training")
@pytest.mark.parametrize("form", ["pgd", "trades", "free"])
def test_more_stand_under_pgd_than_of_the_plain_model(form):
    data = cg.dataset("digits")
    test = data.test.select(range(200))

    def stand(objective, epochs):
        net = objective.players["model"]
        batches = data.train.batches(batch_size=64)
        fit(objective, batches, epochs=epochs, optimizer="adamw:lr=3e-3", device="cpu")
        x = pgd(net, test.inputs, test.targets, eps=0.15, steps=10)
        return (net.eval()(x).argmax(1) == test.targets).double().mean().item()

    def net():
        torch.manual_seed(0)
        return cg.build("mlp:widths=[64]", signature=data.signature)

    plain = stand(Classify(model=net()), 8)
    robust = stand(
        AdversarialTraining(model=net(), eps=0.15, form=form), 3 if form == "free" else 8
    )
    assert robust > plain + 0.3


def test_a_validation_tells_the_loss_under_attack_and_who_stands():
    objective = AdversarialTraining(model=model().eval(), eps=0.3)
    with torch.no_grad():
        found, again = objective.validate((X, Y)), objective.validate((X, Y))
    assert torch.equal(found["loss"], again["loss"])
    assert set(found) == {"loss", "outputs", "robust-accuracy"}
    torch.testing.assert_close(found["outputs"], objective.model(X))
    assert found["loss"].mean() > nn.functional.cross_entropy(objective.model(X), Y)


@pytest.mark.untyped
def test_an_unknown_form_is_refused():
    with pytest.raises(UsageError, match="unknown form"):
        AdversarialTraining(model=model(), form="mart")


def test_what_does_not_fit_is_refused():
    bare = cg.sign(
        model().model, Signature((Port("x", "vector", (6,)),), (Port("y", "label", (3,)),))
    )
    with pytest.raises(UsageError, match="no bounds"):
        next(AdversarialTraining(model=bare).losses((X, Y)))
    with pytest.raises(UsageError, match="expected 0 to 1"):
        next(AdversarialTraining(model=model()).losses((X * 255, Y)))
