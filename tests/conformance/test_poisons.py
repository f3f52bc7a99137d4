"""Every poison changes some training examples, says which, and does it again alike."""

import torch

from cartograd.core.build import build
from cartograd.core.poisoning import Poison
from cartograd.core.ports import Port, Signature
from tests.conformance.support import global_state_untouched, over

DATA = Signature(
    (Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0)),),
    (Port("class", "label", (3,), labels=("a", "b", "c"), task="classify"),),
)


def given():
    x = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return x, torch.arange(60) % 3


@over("poison")
def test_what_it_says_it_changed_is_what_it_changed(card):
    poison, (x, y) = build(card.name, kind=card.kind, **card.tiny), given()
    with global_state_untouched():
        made = poison(x, y, DATA, given())
    assert isinstance(poison, Poison)
    assert torch.equal(x, given()[0])
    assert torch.equal(y, given()[1])
    moved = (made.inputs != x).flatten(1).any(1) | (made.targets != y)
    assert torch.equal(moved.nonzero()[:, 0], made.rows)
    assert 0 < len(made.rows) < len(x)
    assert made.inputs.min() >= 0
    assert made.inputs.max() <= 1
    assert made.targets.dtype == y.dtype


@over("poison")
def test_it_does_the_same_again_and_wants_other_answers(card):
    x, y = given()
    one, two = (build(card.name, kind=card.kind, **card.tiny)(x, y, DATA, given()) for _ in "12")
    assert torch.equal(one.inputs, two.inputs)
    assert torch.equal(one.targets, two.targets)
    wanted = build(card.name, kind=card.kind, **card.tiny).probes(x, y, DATA)
    if wanted is not None:
        inputs, answers = wanted
        assert inputs.shape[1:] == x.shape[1:]
        assert len(inputs) == len(answers) > 0
