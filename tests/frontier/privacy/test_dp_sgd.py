import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.protocols import Loss
from cartograd.data.dataset.dataset import Split
from cartograd.engine.loop.fit import fit
from cartograd.frontier.privacy.dp_sgd import dp_sgd
from cartograd.training.objectives.classify import Classify

X, Y = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 3
PART = Split(X, Y, Signature((Port("x", "vector", (6,)),), (Port("y", "label", (3,)),)))


def private(model=None, part=PART, size=10, epochs=2, **given):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)) if model is None else model
    given = {"delta": 1e-3, "secret": 3} | given
    return dp_sgd(Classify(model=model), part, size, epochs, **given)


def batches(made, epoch=0, start=0):
    return list(made.batches().epoch(epoch, seed=0, start=start))


def slopes(made, batch):
    (loss,) = made.losses(batch)
    return torch.autograd.grad(loss.value, made.gradients.weights), loss.value.item()


@pytest.mark.law("dp-sgd")
def test_without_noise_or_clipping_a_step_is_that_of_the_mean_gradient():
    made = private(noise=0.0, clip=1e9, size=40)
    (batch,) = batches(made)
    assert len(batch[0]) == 40  # all join where the chance is one
    found, value = slopes(made, batch)
    loss = made.objective.validate(batch[:2])["loss"].mean()
    right = torch.autograd.grad(loss, made.gradients.weights)
    assert value == pytest.approx(loss.item())
    for ours, theirs in zip(found, right, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_noise_is_of_the_told_spread_and_new_at_each_step():
    made = private(nn.Linear(6, 3), noise=4.0, clip=0.5)
    empty = (X[:1], Y[:1], torch.tensor([False]))
    drawn = [torch.cat([one.flatten() for one in slopes(made, empty)[0]]) for _ in range(400)]
    assert torch.stack(drawn).std() * 10 == pytest.approx(4.0 * 0.5, rel=0.03)
    assert not torch.equal(drawn[0], drawn[1])
    assert made.taken == 400


def test_no_example_moves_a_step_by_more_than_the_bound():
    """With it and without it: the sums differ by the clipping length at most."""
    made = private(noise=0.0, clip=0.3)
    joined = torch.ones(6, dtype=torch.bool)
    far = X[:6].clone()
    far[5] *= 1e3
    with_it, _ = slopes(made, (far, Y[:6], joined))
    without, _ = slopes(made, (far[:5], Y[:5], joined[:5]))
    moved = torch.cat([(a - b).flatten() for a, b in zip(with_it, without, strict=True)]) * 10
    assert moved.norm() <= 0.3 + 1e-5


def test_each_example_joins_each_batch_by_a_draw_of_its_own():
    made = private(size=10, noise=1.0)
    counts = torch.tensor([
        len(batch[0]) * batch[2].all() for number in range(100) for batch in batches(made, number)
    ])  # fmt: skip
    assert len(counts) == 400
    assert counts.float().mean() == pytest.approx(10, abs=0.6)
    assert counts.float().var() == pytest.approx(40 * 0.25 * 0.75, rel=0.25)


def test_draws_come_from_the_secret_and_go_on_where_they_stopped():
    one, other = private(noise=1.0), private(noise=1.0, secret=4)
    first = batches(one)
    assert all(
        torch.equal(a[0], b[0]) for a, b in zip(first[2:], batches(one, start=2), strict=True)
    )
    assert any(len(a[0]) != len(b[0]) or not torch.equal(a[0], b[0])
               for a, b in zip(first, batches(other), strict=True))  # fmt: skip
    unsaid = [int(private(noise=1.0, secret=None).secret) for _ in range(2)]
    assert unsaid[0] != unsaid[1]


def test_a_stopped_run_ends_with_the_weights_of_one_that_was_not(tmp_path):
    def run(epochs, folder, **more):
        return fit(
            made, made.batches(), epochs=epochs, folder=tmp_path / folder, optimizer="sgd:lr=0.5",
            **more,
        )  # fmt: skip

    weights = []
    for times in (1, 2):
        made = private(secret=None, noise=1.0)
        made.secret.fill_(9)
        run(times, f"r{times}")
        if times == 1:
            made = private(secret=None, noise=1.0)  # of another secret, until it goes on
            run(2, "r1", resume=True)
        weights.append(made.players["model"].state_dict())
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert made.taken == 8


REFUSED = {
    "batch normalisation": (nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3)), {}, "statistics"),
    "no statistics kept": (
        nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3, track_running_stats=False)),
        {},
        "depends on the others",
    ),
    "a likely publication": (None, {"delta": 0.1}, "publish one of the 40"),
    "both": (None, {"epsilon": 1.0, "noise": 1.0}, "leave one out"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_bounds_nothing_is_refused(name):
    model, given, why = REFUSED[name]
    with pytest.raises(UsageError, match=why):
        private(model, **given)


class Pairs(nn.Module):
    """Each loss is of two examples."""

    def __init__(self, weight=None):
        super().__init__()
        self.players, self.weight = {"model": nn.Linear(6, 1)}, weight

    def losses(self, batch):
        y = self.players["model"](batch[0])[:, 0]
        value = (y - y.roll(1)).square() if self.weight is None else y.square()
        yield Loss(value, weight=self.weight)


def test_objectives_of_several_examples_or_of_weights_are_refused():
    with pytest.raises(UsageError, match="depends on the others"):
        dp_sgd(Pairs(), PART, 10, 1, delta=1e-3)
    with pytest.raises(UsageError, match="weights of its losses"):
        dp_sgd(Pairs(torch.ones(3)), PART, 10, 1, delta=1e-3)
    made = private(noise=1.0)
    with pytest.raises(UsageError, match="other batches than its own"):
        next(made.losses((X[:4], Y[:4])))
