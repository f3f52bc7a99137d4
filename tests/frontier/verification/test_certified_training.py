"""Certified training: a loss above that of all inputs nearby, and what learned so is proved."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.engine.loop.fit import fit
from cartograd.frontier.verification.certified_training import CertifiedTraining
from cartograd.training.objectives.classify import Classify
from tests.frontier.verification.nets import examples, networks, signed

FORMS = ("ibp", "crown-ibp")


def grown(objective, share):
    """The objective after so much of the steps in which the ball grows."""
    objective.steps.fill_(int(share * objective.total))
    return objective


def slopes(objective, batch, net):
    loss = next(objective.losses(batch)).value
    return loss.detach(), torch.autograd.grad(loss.sum(), list(net.parameters()))


@pytest.mark.law("certified-training")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["largest", "joined"])
def test_without_a_ball_it_is_the_cross_entropy(name, form):
    model = signed(networks()[name]).eval()
    batch = examples(model)
    plain = slopes(Classify(model=model), batch, model)
    ours = CertifiedTraining(model=model, eps=0.0, clean_share=0.0, form=form)
    found = slopes(grown(ours, 0.5), batch, model)
    torch.testing.assert_close(found[0], plain[0], rtol=1e-4, atol=1e-5)
    for one, other in zip(found[1], plain[1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.law("certified-training")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["pooled", "largest", "bent", "one-logit"])
def test_the_loss_is_no_lower_than_that_of_any_input_nearby(name, form):
    model = signed(networks()[name], 1 if name == "one-logit" else 3).eval()
    x, y = examples(model)
    objective = grown(CertifiedTraining(model=model, eps=0.1, clean_share=0.0, form=form), 0.5)
    eps, least = 0.05, objective.ahead((x, y), 0.05, beta=0.5)
    own = F.softplus((-least).logsumexp(1))
    draw, worst = torch.Generator().manual_seed(0), torch.zeros(len(x))
    for _ in range(30):
        moved = 2 * torch.rand(x.shape, generator=draw) - 1
        for change in (moved, moved.sign()):
            with torch.no_grad():
                there = (x + eps * change).clamp(0, 1)
                worst = torch.maximum(worst, next(Classify(model=model).losses((there, y))).value)
    assert (own >= worst - 1e-5).all()
    assert (own > worst + 1e-3).any()


@pytest.mark.oracle("certified-training")
def test_it_is_what_matrices_give():
    """Two layers: intervals in the middle, and the last layer together with the difference."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    port = Port("row", "vector", (4,), "float64", (0.0, 1.0))
    model = cg.sign(net, Signature((port,), (Port("class", "label", (3,)),)))
    x = torch.rand(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y, eps, kappa = torch.tensor([0, 1, 2, 0, 1]), 0.2, 0.25

    def loss():
        low, high = (x - eps).clamp(min=0), (x + eps).clamp(max=1)
        (w1, b1), (w2, b2) = ((net[i].weight, net[i].bias) for i in (0, 2))
        middle = (low + high) / 2 @ w1.T + b1
        radius = (high - low) / 2 @ w1.abs().T
        low, high = (middle - radius).relu(), (middle + radius).relu()
        rows, shift = w2[y][:, None] - w2, b2[y][:, None] - b2
        least = (rows.clamp(min=0) * low[:, None] + rows.clamp(max=0) * high[:, None]).sum(2)
        worst = F.cross_entropy(-(least + shift), y, reduction="none")
        return kappa * F.cross_entropy(net(x), y, reduction="none") + (1 - kappa) * worst

    expected, told = loss(), list(net.parameters())
    found = slopes(
        grown(CertifiedTraining(model=model, eps=eps, clean_share=kappa), 2), (x, y), net
    )
    torch.testing.assert_close(found[0], expected.detach(), rtol=0, atol=1e-10)
    for one, other in zip(found[1], torch.autograd.grad(expected.sum(), told), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.law("certified-training")
def test_ibp_proves_most_answers_of_what_learned_so():
    data = cg.dataset("digits")
    test = data.test.select(range(100))

    def proved(make):
        torch.manual_seed(0)
        net = cg.build("mlp:widths=[64]", signature=data.signature)
        batches = data.train.batches(batch_size=64)
        fit(make(net), batches, epochs=12, optimizer="adamw:lr=5e-3", device="cpu")
        right = (net.eval()(test.inputs).argmax(1) == test.targets).float().mean().item()
        found = cg.build("ibp", kind="verifier", eps=0.1)(net, test.inputs, test.targets)
        return right, found.proved.float().mean().item()

    plain = proved(lambda net: Classify(model=net))
    ours = [
        proved(lambda net, form=form: CertifiedTraining(model=net, eps=0.1, total=120, form=form))
        for form in FORMS
    ]
    assert plain[1] < 0.05
    for right, sure in ours:
        assert right > plain[0] - 0.05
        assert sure > 0.6


def test_the_ball_grows_and_clean_examples_count_less():
    model = signed(networks()["relu"]).eval()
    batch = examples(model)
    objective = CertifiedTraining(model=model, eps=0.1, total=4, clean_share=0.5)
    clean = next(Classify(model=model).losses(batch)).value
    seen = []
    for _ in range(6):
        seen.append(next(objective.losses(batch)).value.sum().item())
        objective.after_step("model")
    assert seen[0] == pytest.approx(clean.sum().item(), abs=1e-6)
    assert seen[0] < seen[1] < seen[2] < seen[3] < seen[4] == seen[5]


def test_a_validation_tells_of_how_many_answers_all_is_proved():
    model = signed(networks()["relu"]).eval()
    x, y = examples(model)
    with torch.no_grad():
        found = CertifiedTraining(model=model, eps=0.1).validate((x, y))
    sure = cg.build("ibp", kind="verifier", eps=0.1)(model, x, y).proved
    assert torch.equal(found["verified-accuracy"].bool(), sure)
    assert 0 < int(sure.sum()) < len(x)
    torch.testing.assert_close(found["outputs"], model(x))


@pytest.mark.untyped
def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="unknown form"):
        CertifiedTraining(model=signed(networks()["relu"]), form="sabr")
    strange = signed(nn.Sequential(nn.Flatten(), nn.Linear(32, 3), nn.Hardshrink()))
    with pytest.raises(UsageError, match=r"no bounds are known of these"):
        next(CertifiedTraining(model=strange).losses(examples(strange)))
    values = Signature((Port("x", "vector", (4,), bounds=(0.0, 1.0)),), (Port("y", "value", (1,)),))
    objective = CertifiedTraining(model=cg.sign(nn.Linear(4, 1), values))
    with pytest.raises(UsageError, match="the task 'regress'"):
        next(objective.losses((torch.rand(5, 4), torch.rand(5, 1))))
