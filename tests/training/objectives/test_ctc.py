"""CTC against torch's kernel and against all paths counted one by one."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from cartograd.core.errors import UsageError
from cartograd.training.objectives.ctc import CTC, collapsed, ctc_loss

TARGETS = torch.tensor([[1, 2, 1, 1], [3, 3, -100, -100], [2, -100, -100, -100], [-100] * 4])


def drawn(rows=4, steps=7, classes=4, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(rows, steps, classes, generator=draw).double().requires_grad_()


@pytest.mark.oracle("ctc")
@pytest.mark.parametrize("seed", [0, 1])
def test_equal_to_torchs_kernel(seed):
    logits = drawn(seed=seed)
    log_p = logits.log_softmax(2)
    lengths = (TARGETS != -100).sum(1)
    theirs = F.ctc_loss(
        log_p.transpose(0, 1), TARGETS.clamp(min=0), torch.full((4,), 7), lengths, reduction="none"
    )
    ours = ctc_loss(log_p, TARGETS)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    weight = torch.tensor([1.0, -2.0, 0.5, 3.0]).double()
    one, two = (torch.autograd.grad(x @ weight, logits, retain_graph=True) for x in (ours, theirs))
    torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)


def by_paths(log_p):
    """The probability of every text, from each path by itself."""
    found = {}
    steps, classes = log_p.shape
    for path in itertools.product(range(classes), repeat=steps):
        text = tuple(label for label, _ in itertools.groupby(path) if label)
        chance = math.exp(sum(log_p[t, label].item() for t, label in enumerate(path)))
        found[text] = found.get(text, 0.0) + chance
    return found


@pytest.mark.law("ctc")
def test_the_sum_over_all_paths():
    log_p = drawn(1, 5, 3).detach().log_softmax(2)
    found = by_paths(log_p[0])
    assert math.isclose(sum(found.values()), 1, rel_tol=1e-12)
    for text, chance in found.items():
        target = torch.tensor([[*text, -100]])
        assert math.isclose(math.exp(-ctc_loss(log_p, target).item()), chance, rel_tol=1e-10)


class Given(torch.nn.Module):
    """Answers with what it was given."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x * self.scale


def test_a_row_counts_by_its_labels_and_reading_is_judged():
    objective = CTC(model=Given()).eval()
    logits = drawn().detach()
    (loss,) = objective.losses((logits, TARGETS))
    assert loss.weight.tolist() == [4, 2, 1, 1]
    torch.testing.assert_close(
        loss.value * loss.weight, ctc_loss(logits.log_softmax(2), TARGETS), rtol=1e-12, atol=0
    )
    sure = 9 * F.one_hot(torch.tensor([[1, 1, 0, 1], [2, 2, 0, 0]]), 4).double()
    (loss,) = objective.losses((sure, torch.tensor([[1, 1], [3, -100]])))
    assert loss.metrics["accuracy"].tolist() == [1, 0]


def grid(rows):
    objective = CTC(model=Given())
    (loss,) = objective.losses(rows)
    return (loss.value * loss.weight).sum(), loss.weight.sum(), objective.model.scale


@pytest.mark.law("ctc")
def test_uneven_parts_give_the_full_batch():
    logits = drawn().detach()
    total, weight, scale = grid((logits, TARGETS))
    whole = torch.autograd.grad(total / weight, scale)[0]
    parts = [grid((logits[i:j], TARGETS[i:j])) for i, j in ((0, 1), (1, 4))]
    counted = sum(part[1] for part in parts)
    summed = sum(torch.autograd.grad(part[0] / counted, part[2])[0] for part in parts)
    torch.testing.assert_close(summed, whole, rtol=1e-12, atol=1e-12)


def test_paths_are_read():
    paths = torch.tensor([[0, 1, 1, 0], [1, 0, 1, 1], [0, 0, 0, 0], [2, 1, 1, 2]])
    assert collapsed(paths) == [[1], [1, 1], [], [2, 1, 2]]


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        (torch.tensor([[1, 1, 1, 1, 2]]), "needs 8 steps, and the model has 7"),
        (torch.tensor([[1, 4]]), "target 4 is no label; expected 1 to 3"),
        (torch.tensor([[0, 1]]), "target 0 is no label"),
        (torch.tensor([1, 2]), "do not belong to targets"),
    ],
)
def test_what_cannot_be_is_told(targets, told):
    with pytest.raises(UsageError, match=told):
        list(CTC(model=Given()).losses((drawn(1).detach(), targets)))
