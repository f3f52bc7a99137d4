import copy
import itertools

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.frontier.security.ball import noise
from cartograd.frontier.security.fgsm import fgsm
from cartograd.frontier.security.pgd import pgd
from tests.frontier.security.support import right, share, size
from tests.reference import Reference

foolbox = Reference("foolbox", quiet=True)
attacks = Reference("foolbox.attacks", quiet=True)

OF_FOOLBOX = {
    "linf": attacks.LinfProjectedGradientDescentAttack,
    "l2": attacks.L2ProjectedGradientDescentAttack,
}


@pytest.mark.oracle("pgd")
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_foolbox_step_by_step(modest, norm, targeted):
    """Foolbox's points after 0, 1, ... steps; of these ours must be the first that fools, or the
    one of the highest loss."""
    model, x, y = modest
    eps, step, steps = (0.15, 0.03, 9) if norm == "linf" else (1.2, 0.25, 9)
    y = (y + 1) % 10 if targeted else y
    reference = foolbox.PyTorchModel(model, bounds=(0, 1))
    kind = "TargetedMisclassification" if targeted else "Misclassification"
    criterion = getattr(foolbox.criteria, kind)(y)
    expected, best = x.clone(), torch.full((len(x),), -torch.inf).double()
    fooled = torch.zeros(len(x), dtype=torch.bool)
    for number in range(steps + 1):
        attack = OF_FOOLBOX[norm](abs_stepsize=step, steps=number, random_start=False)
        point = attack.run(reference, x, criterion, epsilon=eps)
        with torch.no_grad():
            outputs = model(point)
        loss = nn.functional.cross_entropy(outputs, y, reduction="none")
        loss = -loss if targeted else loss
        now = (outputs.argmax(1) == y) == targeted
        take = ~fooled & (now | (loss > best))
        expected[take], best[take] = point[take], loss[take]
        fooled |= now
    found = pgd(
        model, x, y, eps=eps, step_size=step, steps=steps, norm=norm, restarts=0, targeted=targeted
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    assert 0.1 < fooled.float().mean() < 1


@pytest.mark.oracle("pgd")
def test_at_least_as_strong_as_foolbox(judge):
    model, x, y = judge
    reference = foolbox.PyTorchModel(model, bounds=(0, 1))
    for eps in (0.05, 0.1, 0.2):
        attack = attacks.LinfProjectedGradientDescentAttack(
            rel_stepsize=0.25, steps=10, random_start=False
        )
        theirs = attack.run(reference, x, foolbox.criteria.Misclassification(y), epsilon=eps)
        assert share(model, pgd(model, x, y, eps=eps, restarts=0), y) <= share(model, theirs, y)


@pytest.mark.law("pgd")
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("starts", [0, 1, 3])
@pytest.mark.parametrize("eps", [0.0, 0.02, 0.5, 30.0])
def test_within_eps_and_within_the_bounds(judge, norm, starts, eps):
    model, x, y = judge
    found = pgd(model, x[:40], y[:40], eps=eps, norm=norm, restarts=starts, steps=4)
    assert size(found - x[:40], norm).max() <= eps + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1
    if not eps:
        assert torch.equal(found, x[:40])
    else:
        assert not torch.equal(found, x[:40])


@pytest.mark.law("pgd")
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_robust_accuracy_does_not_rise(judge, norm):
    model, x, y = judge
    scale = 1 if norm == "linf" else 8
    by_eps = [
        share(model, pgd(model, x, y, eps=scale * eps, norm=norm), y)
        for eps in (0, 0.02, 0.05, 0.1, 0.2)
    ]
    assert by_eps[0] == share(model, x, y)
    assert by_eps == sorted(by_eps, reverse=True)
    assert by_eps[-1] < 0.1
    options = {"eps": 0.08 * scale, "norm": norm, "step_size": 0.02 * scale}
    masks = [right(model, pgd(model, x, y, steps=n, **options), y) for n in (1, 2, 5, 10, 20)]
    masks += [right(model, pgd(model, x, y, steps=20, restarts=n, **options), y) for n in (2, 4)]
    for more, fewer in itertools.pairwise(masks):
        assert not (fewer & ~more).any()  # what stands against more stood against less


@pytest.mark.law("pgd")
def test_at_least_as_strong_as_fgsm(judge):
    model, x, y = judge
    for eps in (0.02, 0.05, 0.1):
        strong, weak = pgd(model, x, y, eps=eps), fgsm(model, x, y, eps=eps)
        assert share(model, strong, y) <= share(model, weak, y)
    noise = (x + 0.1 * torch.randn_like(x).sign()).clamp(0, 1)
    assert share(model, strong, y) < share(model, noise, y) - 0.3


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_wanted_class_is_reached(judge, norm):
    model, x, y = judge
    wanted = (y + 1) % 10
    eps = 0.4 if norm == "linf" else 3
    found = pgd(model, x, wanted, eps=eps, norm=norm, steps=20, targeted=True)
    assert share(model, found, wanted) > 0.9
    assert size(found - x, norm).max() <= eps + 1e-6


def test_what_is_wrong_already_is_returned_unchanged(judge):
    model, x, y = judge
    wrong = ~right(model, x, y)
    assert wrong.any()
    for starts in (0, 2):
        assert torch.equal(pgd(model, x, y, restarts=starts)[wrong], x[wrong])


def test_fooled_examples_cost_nothing_more(judge):
    model, x, y = judge
    rows = []
    with torch.no_grad():
        handle = model.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    pgd(model, x, y, eps=0.3, steps=20, restarts=5)
    handle.remove()
    assert sum(rows) < 6 * len(x)


def test_the_seed_decides(judge):
    model, x, y = judge
    first = pgd(model, x, y, eps=0.05, steps=2)
    state = torch.get_rng_state()
    assert torch.equal(pgd(model, x, y, eps=0.05, steps=2), first)
    assert not torch.equal(pgd(model, x, y, eps=0.05, steps=2, seed=1), first)
    assert torch.equal(torch.get_rng_state(), state)


def test_random_starts_fill_the_ball():
    x, generator = torch.zeros(20_000, 3), torch.Generator().manual_seed(0)
    linf, l2 = (noise(x, 2.0, norm, generator) for norm in ("linf", "l2"))
    assert linf.abs().max() <= 2
    assert linf.mean().abs() < 0.02
    lengths = l2.norm(dim=1)
    assert lengths.max() <= 2 + 1e-5
    inner = (lengths < 1).float().mean().item()  # an eighth of the volume
    assert inner == pytest.approx(1 / 8, abs=0.01)


def test_the_model_is_left_as_it_is_wherever_it_is_called(judge):
    model, x, y = copy.deepcopy(judge.model), judge.x[:20], judge.y[:20]
    model.zero_grad()  # foolbox leaves gradients behind
    expected = pgd(model, x, y)
    model.train()
    model.model[2].eval()
    assert torch.equal(pgd(model, x, y), expected)
    assert [module.training for module in model.modules()].count(False) == 1
    model.eval()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not expected.requires_grad
    with torch.inference_mode():
        assert torch.equal(pgd(model, x.clone(), y.clone()), expected)


@pytest.mark.parametrize("name", ["lenet5", "mlp", "resnet:depth=8,width=4"])
def test_our_models_in_both_precisions(name):
    pixels = Port("image", "image", (1, 12, 12), bounds=(0.0, 1.0), mean=(0.3,), std=(0.4,))
    signature = Signature((pixels,), (Port("class", "label", (4,)),))
    model = build(name, signature=signature).eval()
    x = torch.rand(5, 1, 12, 12)
    y = model(x).argmax(1).int()
    for kind in (torch.float32, torch.float64):
        found = pgd(model.to(kind), x.to(kind), y, eps=0.1, steps=3)
        assert found.dtype == kind
        assert (found - x).abs().max() <= 0.1 + 1e-6
        loss = [nn.functional.cross_entropy(model(p.to(kind)), y.long()) for p in (x, found)]
        assert loss[1] > loss[0]


def table_model(bounds=None):
    row = Port("row", "table", (3,), bounds=bounds)
    torch.manual_seed(0)
    return sign(nn.Linear(3, 2), Signature((row,), (Port("class", "label", (2,)),)))


def test_bounds_come_from_the_signature_or_beside_it():
    x, y = torch.randn(10, 3), torch.zeros(10, dtype=torch.int64)
    with pytest.raises(UsageError, match="the input has no bounds"):
        pgd(table_model(), x, y)
    with pytest.raises(UsageError, match="the input has no bounds"):
        pgd(nn.Linear(3, 2), x, y)
    beside = pgd(table_model(), x, y, eps=1, bounds=(-5.0, 5.0))
    assert torch.equal(beside, pgd(table_model((-5.0, 5.0)), x, y, eps=1))
    assert torch.equal(beside, pgd(table_model((-5.0, 5.0)), x, y, eps=1, bounds=(-5.0, 5.0)))
    assert torch.equal(beside, pgd(table_model().model, x, y, eps=1, bounds=(-5.0, 5.0)))
    with pytest.raises(UsageError, match="differ from the"):
        pgd(table_model((-5.0, 5.0)), x, y, bounds=(0.0, 1.0))
    with pytest.raises(UsageError, match="not low < high"):
        pgd(table_model(), x, y, bounds=(1.0, 0.0))


def test_one_logit_is_two_classes():
    model = nn.Linear(3, 1)
    x, y = torch.rand(40, 3), torch.arange(40) % 2
    found = pgd(model, x, y, eps=0.3, bounds=(0.0, 1.0))
    z, moved = model(x)[:, 0], model(found)[:, 0]
    changed = ((z > 0).long() == y) & (found != x).any(1)
    assert changed.any()
    assert ((moved < z) == (y == 1))[changed].all()


@pytest.mark.compile  # where no hook refuses the types before we do
@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (torch.tensor([0, 1]), {}, "for each of the 4 examples"),
        (torch.tensor([0, 1, 2, 3]), {}, "reach from 0 to 3, but the model has 2 outputs"),
        (torch.rand(4), {}, "a whole number for each"),
        (torch.zeros(4, dtype=torch.int64), {"norm": "l3"}, "norm 'l3'"),
        (torch.zeros(4, dtype=torch.int64), {"bounds": (0.0, 0.5)}, "give them in the units"),
    ],
)
def test_what_cannot_be_attacked_is_refused(y, options, message):
    with pytest.raises(UsageError, match=message):
        pgd(nn.Linear(3, 2), torch.full((4, 3), 0.9), y, **{"bounds": (0.0, 1.0)} | options)


def test_a_model_of_values_has_no_class_to_change():
    signature = Signature(
        (Port("x", "vector", (3,), bounds=(0.0, 1.0)),), (Port("y", "value", (1,)),)
    )
    with pytest.raises(UsageError, match="the output 'y' has the task 'regress'"):
        pgd(sign(nn.Linear(3, 1), signature), torch.rand(2, 3), torch.tensor([0, 1]))


def test_ranges_are_checked():
    for spec in (
        "pgd:eps=-0.1",
        "pgd:step_size=0",
        "pgd:steps=0",
        "pgd:norm=l1",
        "pgd:restarts=-1",
    ):
        with pytest.raises(UsageError):
            build(spec)
