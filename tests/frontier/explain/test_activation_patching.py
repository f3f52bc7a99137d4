"""Swapping what a layer gives, where the effect can be worked out by hand."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.frontier.explain.studies.activation_patching import activation_patching


class Branches(nn.Module):
    """Two branches that are added, and one that is not used."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.idle = (nn.Linear(4, 2, bias=False) for _ in range(3))
        self.left.weight.data = torch.tensor([[3.0, 0.0, 0.0, 0.0], [0.0] * 4])
        self.right.weight.data = torch.tensor([[0.0] * 4, [0.0, 1.0, 0.0, 0.0]])

    def forward(self, x):
        return self.left(x) + self.right(x) + 0 * self.idle(x)


def examples(n=40):
    draw = torch.Generator().manual_seed(0)
    side = (torch.arange(n) % 2).float()
    x = torch.stack([1 - side, side, torch.rand(n, generator=draw), torch.zeros(n)], 1)
    return x, side.long()


@pytest.mark.law("activation-patching")
def test_effects_of_branches_that_are_added_sum_to_one():
    found = activation_patching(Branches(), *examples(), pairs=10)
    assert found.names == ("left", "right", "idle")
    # of d(x) - d(x') = 4 the left branch makes 3 and the right one 1
    assert found.effects.tolist() == pytest.approx([0.75, 0.25, 0.0])
    assert found.controls.tolist() == pytest.approx([0.0, 0.0, 0.0])
    assert found.errors.tolist() == pytest.approx([0.0, 0.0, 0.0])
    parts = activation_patching(Branches(), *examples(), pairs=10, layer="left")
    assert parts.names == ("left[0]", "left[1]")
    assert parts.effects.tolist() == pytest.approx([0.75, 0.0])
    assert parts.rows()[0][0] == "left[0]"


@pytest.mark.law("activation-patching")
def test_what_all_follows_from_restores_all_and_a_third_example_nothing(judge):
    found = activation_patching(judge.model, judge.x[:200], judge.y[:200], pairs=24)
    assert found.effects.tolist() == pytest.approx([1.0] * len(found.names), abs=1e-3)
    assert found.controls.abs().max() < 0.4
    assert "layer=NAME swaps its parts" in dict(found.notes)["note"]
    channels = activation_patching(judge.model, judge.x[:200], judge.y[:200], pairs=24, layer="3")
    assert len(channels.names) == 32
    assert 0.02 < float(channels.effects.max()) < 1
    assert float(channels.effects.mean()) > 0


class InPlace(Branches):
    """The same, which writes the sum into what the left branch gave, as residual blocks do."""

    def forward(self, x):
        found = self.left(x)
        found += self.right(x)
        return found


def test_what_is_changed_in_place_afterwards_is_kept_as_it_was():
    model, (x, y) = nn.Sequential(InPlace(), nn.Identity()), examples()
    found = activation_patching(model, x, y, pairs=10)
    # the block's sum is in the tensor of its left branch, and has an effect of its own
    assert found.names == ("0.left", "0.right", "0")
    assert found.effects.tolist() == pytest.approx([0.75, 0.25, 1.0])


def test_values_differ_by_the_side_of_their_median():
    layer, (x, _) = nn.Linear(4, 1), examples()
    layer.bias.data.fill_(100.0)  # all are above 0
    signature = Signature((Port("row", "vector", (4,)),), (Port("price", "value", (1,)),))
    found = activation_patching(cg.sign(nn.Sequential(layer), signature), x, x, pairs=4)
    assert found.effects.tolist() == pytest.approx([1.0], abs=1e-3)


def test_it_is_drawn_and_refuses_what_cannot_be(judge, tmp_path):
    digits = cg.tensors(judge.x[:120], judge.y[:120], labels=tuple("0123456789"))
    found = cg.study(judge.model, digits, method="activation-patching:layer=model.3,pairs=4")
    assert found.draw(tmp_path / "study.png").stat().st_size > 4000
    x, y = examples()
    with pytest.raises(UsageError, match="answers all 20 examples alike"):
        activation_patching(Branches(), x[::2], y[::2])
    with pytest.raises(UsageError, match="unknown layer 'lef'; did you mean 'left'"):
        activation_patching(Branches(), x, y, layer="lef")
    twice = nn.Linear(4, 4)
    with pytest.raises(UsageError, match="once in a run; name a layer that does"):
        activation_patching(nn.Sequential(twice, nn.Tanh(), twice), x, y, layer="0")
