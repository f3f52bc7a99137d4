"""Every poison changes some training examples, says which, and does it again alike."""

import torch

from cartograd.core.build import build, hyperparameters
from cartograd.core.poisoning import Poison
from cartograd.core.ports import Port, Signature
from tests.conformance.support import global_state_untouched, over

DATA = Signature(
    (Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0)),),
    (Port("class", "label", (3,), labels=("a", "b", "c"), task="classify"),),
)


def made(card):
    """The poison; one that needs another model gets it."""
    if "run" not in hyperparameters(card):
        return build(card.name, kind=card.kind, **card.tiny)
    torch.manual_seed(0)
    run = build("mlp:widths=[8]", signature=DATA)
    x, y = given()  # as right as the mean of each class makes it, so that there is a victim
    with torch.no_grad():
        first, last = (part for part in run.modules() if isinstance(part, torch.nn.Linear))
        inner = (x.flatten(1) @ first.weight.T + first.bias).relu()
        last.weight.copy_(torch.stack([inner[y == k].mean(0) - inner.mean(0) for k in range(3)]))
        last.bias.copy_(-(last.weight @ inner.mean(0)))
    return build(card.name, kind=card.kind, **card.tiny, run=run)


def given():
    x = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return x, torch.arange(60) % 3


@over("poison")
def test_what_it_says_it_changed_is_what_it_changed(card):
    poison, (x, y) = made(card), given()
    with global_state_untouched():
        found = poison(x, y, DATA, given())
    assert isinstance(poison, Poison)
    assert torch.equal(x, given()[0])
    assert torch.equal(y, given()[1])
    moved = (found.inputs != x).flatten(1).any(1) | (found.targets != y)
    assert torch.equal(moved.nonzero()[:, 0], found.rows)
    assert 0 < len(found.rows) < len(x)
    assert found.inputs.min() >= 0
    assert found.inputs.max() <= 1
    assert found.targets.dtype == y.dtype


@over("poison")
def test_it_does_the_same_again_and_wants_other_answers(card):
    x, y = given()
    one, two = (made(card)(x, y, DATA, given()) for _ in "12")
    assert torch.equal(one.inputs, two.inputs)
    assert torch.equal(one.targets, two.targets)
    wanted = made(card).probes(x, y, DATA)
    if wanted is not None:
        inputs, answers = wanted
        assert inputs.shape[1:] == x.shape[1:]
        assert len(inputs) == len(answers) > 0
