"""Distillation against torch's own losses, at high temperature, and from a run on disk."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import write_bundle
from cartograd.training.objectives.distill import Distill


def network(width=5, classes=2):
    return nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, classes))


def taught():
    def batch(n):
        generator = torch.Generator().manual_seed(1)
        return torch.randn(n, 3, generator=generator), torch.arange(n) % 2

    return network, batch, {"teacher": network(9)}


def example(classes=3):
    torch.manual_seed(0)
    student, teacher = network(4, classes).double(), network(9, classes).double()
    return student, teacher, (torch.randn(7, 3, dtype=torch.float64), torch.arange(7) % classes)


@pytest.mark.oracle("distill")
@pytest.mark.parametrize(("temperature", "alpha"), [(4.0, 0.9), (1.0, 0.5), (2.5, 1.0)])
def test_equals_torchs_losses_with_gradients(temperature, alpha):
    student, teacher, (x, y) = example()
    own = Distill(model=student, teacher=teacher, temperature=temperature, alpha=alpha)
    (found,) = own.losses((x, y))
    z, v = student(x), teacher(x).detach()
    soft = F.kl_div(
        F.log_softmax(z / temperature, -1), F.softmax(v / temperature, -1), reduction="none"
    ).sum(-1)
    hard = F.cross_entropy(z, y, reduction="none")
    expected = (1 - alpha) * hard + alpha * temperature**2 * soft
    torch.testing.assert_close(found.value, expected, rtol=1e-10, atol=1e-10)
    weights = list(student.parameters())
    for ours, theirs in zip(
        torch.autograd.grad(found.value.sum(), weights),
        torch.autograd.grad(expected.sum(), weights), strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.law("distill")
def test_at_high_temperature_it_matches_logits():
    """T^2 KL goes to sum((z - mean z - v + mean v)^2) / 2k, with an error that falls as 1 / T."""
    student, teacher, (x, y) = example()
    z, v = student(x), teacher(x)
    apart = (z - z.mean(-1, keepdim=True)) - (v - v.mean(-1, keepdim=True)).detach()
    weights = list(student.parameters())
    limit = torch.autograd.grad((apart.square().sum(-1) / 6).sum(), weights)
    errors = []
    for temperature in (100.0, 1000.0):
        own = Distill(model=student, teacher=teacher, temperature=temperature, alpha=1.0)
        found = torch.autograd.grad(next(own.losses((x, y))).value.sum(), weights)
        errors.append(max((a - b).abs().max().item() for a, b in zip(found, limit, strict=True)))
    assert errors[0] < 0.02
    assert errors[1] < 0.15 * errors[0]


@pytest.mark.law("distill")
def test_in_the_notes_form_the_temperature_softens_nothing():
    student, teacher, (x, y) = example()
    weights = list(student.parameters())

    def slopes(temperature, form):
        own = Distill(model=student, teacher=teacher, temperature=temperature, alpha=1.0, form=form)
        return torch.autograd.grad(next(own.losses((x, y))).value.sum(), weights)

    for one, four in zip(slopes(1.0, "notes"), slopes(4.0, "notes"), strict=True):
        torch.testing.assert_close(four, one / 4, rtol=1e-10, atol=1e-12)
    for one, other in zip(slopes(1.0, "notes"), slopes(1.0, "softened"), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(slopes(4.0, "softened")[0], slopes(1.0, "softened")[0], rtol=0.1)


class Seen(nn.Module):
    """A network with dropout that notes what it is given, and in which mode."""

    def __init__(self):
        super().__init__()
        self.inner, self.drop = network(), nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(3)
        self.seen = []

    def forward(self, x):
        self.seen.append((x.clone(), self.training))
        return self.drop(self.inner(self.norm(x)))


@pytest.mark.law("distill")
def test_the_teacher_stays_as_it_is_and_sees_what_the_student_sees():
    torch.manual_seed(0)
    student, teacher = Seen(), Seen().train()
    before = {name: one.clone() for name, one in teacher.state_dict().items()}
    own = Distill(model=student, teacher=teacher, alpha=1.0).train()
    optimizer = torch.optim.SGD(own.parameters(), lr=0.5)
    x, y = torch.randn(6, 3), torch.arange(6) % 2
    for _ in range(3):
        optimizer.zero_grad()
        next(own.losses((x, y))).value.mean().backward()
        optimizer.step()
    kept = own._teacher[0]
    assert [mode for _, mode in kept.seen] == [False] * 3
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(kept.seen, student.seen, strict=True))
    assert all(torch.equal(one, before[name]) for name, one in kept.state_dict().items())
    assert teacher.training
    assert all(weight.requires_grad for weight in teacher.parameters())
    assert set(own.state_dict()) == {f"model.{name}" for name in student.state_dict()}


def test_positions_that_do_not_count_teach_nothing():
    torch.manual_seed(0)
    student, teacher = (nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5)) for _ in range(2))
    x, y = torch.randint(5, (2, 6)), torch.randint(5, (2, 6))
    y[:, 4:] = -100
    own = Distill(model=student, teacher=teacher)
    (found,) = own.losses((x, y))
    assert found.value.shape == (2, 6)
    assert found.weight.tolist() == [[1, 1, 1, 1, 0, 0]] * 2
    (short,) = own.losses((x[:, :4], y[:, :4]))
    torch.testing.assert_close(found.value[:, :4], short.value)
    checked = own.validate((x, y))
    assert checked["weight"].sum() == 8
    assert checked["accuracy"].numel() == 8


def kept(folder, width, seed=0):
    """A teacher of digits in a bundle, as it begins."""
    torch.manual_seed(seed)
    signature = cg.dataset("digits").signature
    return write_bundle(
        folder, build(f"mlp:widths=[{width}]", signature=signature), replace=folder.exists()
    )


def test_a_bundle_teaches_and_resuming_with_another_teacher_is_refused(tmp_path):
    place = kept(tmp_path / "teacher", 16)
    words = f"distill:teacher={place},temperature=2,alpha=0.5"
    run = cg.train(
        "mlp:widths=[8]", "digits", folder=tmp_path / "student", epochs=2, objective=words,
    )  # fmt: skip
    assert run.history[-1]["valid/accuracy"] > run.history[0]["valid/accuracy"] > 0.2
    kept(place, 16, seed=1)
    with pytest.raises(UsageError, match="taught_by"):
        cg.train(folder=tmp_path / "student", resume=True)


def test_what_does_not_fit_is_refused_before_the_work(tmp_path):
    words = f"distill:teacher={kept(tmp_path / 'teacher', 8)}"
    for data, objective, told in (
        ("moons", words, "the teacher has inputs of shape"),
        ("digits", "distill:teacher=nowhere", "nowhere does not exist"),
        ("digits", "distill", "distill needs teacher"),
        ("digits", f"{words},alpha=2", "alpha=2 is out of range"),
    ):
        with pytest.raises(UsageError, match=told):
            cg.train("mlp", data, objective=objective, folder=tmp_path / "new", epochs=1)
    assert not (tmp_path / "new").exists()
    with pytest.raises(UsageError, match="expected a class for each row"):
        next(Distill(model=network(), teacher=network()).losses((torch.ones(2, 3), torch.ones(2))))
    wide = Distill(model=network(), teacher=network(classes=3))
    with pytest.raises(UsageError, match="answers with shape"):
        next(wide.losses((torch.ones(2, 3), torch.zeros(2).long())))


@pytest.mark.oracle("distill")
def test_of_masks_each_pixel_is_an_example():
    """Of classes in the second dimension; a pixel without a label does not count."""
    student, teacher, (x, y) = example()
    pixels = x[:6].T.reshape(1, 3, 2, 3), y[:6].reshape(1, 2, 3).clone()
    pixels[1][0, 1, 2] = -100

    class Over(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.inner = model

        def forward(self, x):
            return self.inner(x.movedim(1, -1)).movedim(-1, 1)

    own = Distill(model=Over(student), teacher=Over(teacher))
    (found,) = own.losses(pixels)
    (rows,) = Distill(model=student, teacher=teacher).losses((x[:6], y[:6]))
    torch.testing.assert_close(found.value.flatten()[:5], rows.value[:5], rtol=1e-12, atol=1e-12)
    assert found.weight.flatten().tolist() == [1.0] * 5 + [0.0]
