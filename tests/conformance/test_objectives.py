"""Every objective yields losses the engine can step on."""

import torch

from cartograd.core.build import build
from cartograd.core.protocols import Loss, Objective
from cartograd.engine.optim import accumulation
from tests.conformance.subjects import TAUGHT
from tests.conformance.support import global_state_untouched, offered, over

CLASSES = 2


def made(card, *, outputs=CLASSES):
    """The objective on a small network."""
    torch.manual_seed(0)
    own = offered(card, "taught", TAUGHT)
    if own is not None:
        network, _, *further = _pair(own)
        return build(card.name, kind=card.kind, model=network(), **card.tiny, **dict(*further))
    network = torch.nn.Sequential(
        torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, outputs)
    )
    return build(card.name, kind=card.kind, model=network, **card.tiny)


def _pair(own):
    """A network and its examples (and further arguments): functions, or one that gives them."""
    return own if isinstance(own, tuple) else own()


def batch(card):
    own = offered(card, "taught", TAUGHT)
    if own is not None:
        return _pair(own)[1](8)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(8, 3, generator=generator)
    targets = torch.randn(8, CLASSES, generator=generator)
    return x, targets if takes_values(card) else torch.arange(8) % CLASSES


def takes_values(card):
    """Whether the targets are measured values: then a class number is of no use to it."""
    return "rmse" in card.metrics or "mae" in card.metrics


def total(losses):
    return sum((loss.value * accumulation.shares(loss)).sum() for loss in losses)


def summed(losses, examples):
    """What the losses sum to before the division, and what they are divided by."""
    parts = [(loss, *accumulation.weighed(loss, examples)) for loss in losses]
    return sum((loss.value * weight).sum() for loss, weight, _ in parts), parts[0][2]


@over("objective")
def test_is_an_objective(card):
    objective = made(card)
    assert isinstance(objective, Objective)
    assert objective.players
    assert all(list(player.parameters()) for player in objective.players.values())


@over("objective")
def test_losses(card):
    objective, examples = made(card), batch(card)
    losses = list(objective.losses(examples))
    assert losses
    for loss in losses:
        assert isinstance(loss, Loss)
        assert loss.player in objective.players
        assert loss.value.shape[:1] in ((), (8,))
        assert loss.weight is None or loss.weight.shape == loss.value.shape
        assert loss.value.isfinite().all()
        assert loss.value.requires_grad
        assert all(number.isfinite().all() for number in loss.metrics.values())


@over("objective")
def test_every_players_parameters_get_gradients(card):
    objective = made(card)
    for loss in objective.losses(batch(card)):
        own = list(objective.players[loss.player].parameters())
        found = torch.autograd.grad(total([loss]), own)
        assert all(gradient.isfinite().all() and gradient.any() for gradient in found)


@over("objective")
def test_four_microbatches_equal_the_full_batch(card):
    objective, examples = made(card).double(), batch(card)
    examples = [t.double() if t.is_floating_point() else t for t in examples]
    parts = zip(*(tensor.split([1, 2, 2, 3]) for tensor in examples), strict=True)
    own = list(objective.parameters())
    whole = torch.autograd.grad(total(objective.losses(tuple(examples))), own)
    sums, counts = zip(
        *(summed(objective.losses(part), len(part[0])) for part in parts), strict=True
    )
    shares = [torch.autograd.grad(value, own) for value in sums]
    for one, several in zip(whole, map(sum, zip(*shares, strict=True)), strict=True):
        torch.testing.assert_close(several / sum(counts), one, rtol=1e-10, atol=1e-12)


@over("objective")
def test_the_same_batch_gives_the_same_losses(card):
    objective, examples = made(card), batch(card)
    with global_state_untouched():
        first, second = (total(objective.losses(examples)) for _ in range(2))
    assert torch.equal(first, second)


@over("objective")
def test_its_gradient_leads_to_lower_losses(card):
    objective, examples = made(card), batch(card)
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.1)
    before = total(objective.losses(examples)).item()
    for _ in range(50):
        optimizer.zero_grad()
        total(objective.losses(examples)).backward()
        optimizer.step()
    assert total(objective.losses(examples)).item() < before - 1e-3


@over("objective")
def test_state_round_trips(card):
    one, two = made(card), made(card)
    with torch.no_grad():
        for parameter in two.parameters():
            parameter.add_(1)
    two.load_state_dict(one.state_dict(), strict=True)
    assert torch.equal(total(one.losses(batch(card))), total(two.losses(batch(card))))


@over("objective")
def test_float64(card):
    objective = made(card).double()
    examples = tuple(t.double() if t.is_floating_point() else t for t in batch(card))
    assert all(loss.value.dtype == torch.float64 for loss in objective.losses(examples))


@over("objective")
def test_the_batch_is_left_alone(card):
    examples = batch(card)
    before = [tensor.clone() for tensor in examples]
    list(made(card).losses(examples))
    assert all(torch.equal(a, b) for a, b in zip(examples, before, strict=True))
