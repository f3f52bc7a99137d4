"""Hints: a line from the student's features to the teacher's, which learns beside it."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.training.objectives.hints import Hints

SIGNATURE = Signature(
    (Port("row", "vector", (3,)),), (Port("class", "label", (2,), task="classify"),)
)


def network(width=5):
    return build(f"mlp:widths=[{width}],activation=tanh", signature=SIGNATURE)


def taught():
    def batch(n):
        generator = torch.Generator().manual_seed(1)
        return torch.randn(n, 3, generator=generator), torch.arange(n) % 2

    return network, batch, {"teacher": network(9)}


def example():
    torch.manual_seed(0)
    student, teacher = network(4).double(), network(6).double()
    return student, teacher, (torch.randn(7, 3, dtype=torch.float64), torch.arange(7) % 2)


def inner(model, x):
    """What the last line reads."""
    kept = []
    line = [part for part in model.modules() if isinstance(part, nn.Linear)][-1]
    handle = line.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    model(x)
    handle.remove()
    return kept[0]


@pytest.mark.law("hints")
def test_it_is_the_error_of_the_line_written_out():
    student, teacher, (x, y) = example()
    own = Hints(model=student, teacher=teacher, alpha=0.0, weight=0.5)
    line, whole = own.losses((x, y))
    f, known = inner(student, x), inner(teacher, x)
    guess = f @ own.line.weight.T + own.line.bias
    off = ((guess - known) ** 2).mean(1) / (known**2).mean(1)
    labels = nn.functional.cross_entropy(student(x), y, reduction="none")
    torch.testing.assert_close(line.value, off, rtol=0, atol=1e-10)
    torch.testing.assert_close(whole.value, labels + 0.5 * off, rtol=0, atol=1e-10)


@pytest.mark.law("hints")
def test_each_loss_moves_its_own_part():
    student, teacher, batch = example()
    own = Hints(model=student, teacher=teacher)
    line, whole = own.losses(batch)
    assert (line.player, whole.player) == ("hint", "model")
    assert own.players[line.player] is own.line
    line.value.sum().backward()
    assert own.line.weight.grad is not None
    assert all(weight.grad is None for weight in student.parameters())
    whole.value.sum().backward()
    assert all(weight.grad is not None for weight in student.parameters())
    assert all(weight.grad is None for weight in own.answers.teacher.parameters())


@pytest.mark.law("hints")
def test_features_come_to_tell_those_of_the_teacher():
    def off(weight):
        torch.manual_seed(0)
        student, teacher = network(4), network(8)
        x = torch.randn(64, 3)
        y = (x[:, 0] > 0).long()
        own = Hints(model=student, teacher=teacher, alpha=0.0, weight=weight)
        learn = {
            name: torch.optim.Adam(one.parameters(), 0.03) for name, one in own.players.items()
        }
        for _ in range(150):
            for loss in own.losses((x, y)):
                learn[loss.player].zero_grad()
                loss.value.mean().backward()
                learn[loss.player].step()
        with torch.no_grad():
            f, known = (one - one.mean(0) for one in (inner(student, x), inner(teacher, x)))
        left = known - f @ torch.linalg.pinv(f) @ known
        return float(left.square().sum() / known.square().sum())

    assert off(5.0) < 0.5 * off(0.0)


def test_a_bundle_gives_hints_and_the_line_is_thrown_away(tmp_path):
    teacher = cg.train("mlp:widths=[24]", "digits", folder=tmp_path / "teacher", epochs=1)
    run = cg.train(
        "mlp:widths=[12]", "digits", folder=tmp_path / "student", epochs=1, batch_size=64,
        objective=f"hints:teacher={teacher.folder},layer=hidden.0,teacher_layer=hidden.0",
    )  # fmt: skip
    names = set(cg.load(run.folder).model.state_dict())
    plain = build("mlp:widths=[12]", signature=cg.load(run.folder).signature)
    assert names == set(plain.state_dict())
    assert "train/hint/loss" in run.history[-1]


def test_other_places_and_layers_are_refused():
    student, teacher, _ = example()
    with pytest.raises(UsageError, match=r"layer of the student 'nowhere'"):
        Hints(model=student, teacher=teacher, layer="nowhere")
    picture = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0))
    signature = Signature((picture,), SIGNATURE.outputs)
    one, two = (build(f"resnet:depth=8,width={n}", signature=signature) for n in (2, 4))
    convs = [name for name, part in one.model.named_modules() if isinstance(part, nn.Conv2d)]
    same = Hints(model=one, teacher=two, layer=convs[1], teacher_layer=convs[1])
    batch = torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 0])
    assert [loss.value.shape for loss in same.losses(batch)] == [(3,), (3,)]
    with pytest.raises(UsageError, match="name layers of as many"):
        Hints(model=one, teacher=two, layer=convs[0], teacher_layer=convs[-1])
