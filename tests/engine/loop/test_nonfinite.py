"""Numbers that are not finite: named, skipped, or gone back from."""

import math
import os
import re
import signal

import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.engine.logging import run_folder
from cartograd.engine.logging.metric_logger import NonFiniteError
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


class Root(nn.Module):
    """A finite output and an infinite slope where the input is 0 (`exact`), or a NaN below it."""

    def __init__(self, exact=False):
        super().__init__()
        self.exact = exact

    def forward(self, x):
        if self.exact:
            return torch.where(x > 1e5, (x * 0).sqrt(), x)
        return torch.where(x > 1e5, (-x).sqrt(), x)


def network(root=None):
    net = mlp(2, 8, 2, dropout=0.2)
    net.insert(1, nn.BatchNorm1d(8))
    net.insert(0, root or nn.Identity())
    return net.double()


def data(n=96, poisoned=(), value=math.nan, batch_size=16):
    """In order, so that example i is in batch i // 16."""
    x, y = quadrants(n)
    x = x.double()
    for place in poisoned:
        x[place, 1] = value
    return Toy(x, y, batch_size=batch_size, shuffle=False)


class Scaled(Supervised):
    """A loss that is poisoned in the third batch only."""

    def losses(self, batch):
        for loss in super().losses(batch):
            bad = (batch[0] > 1e5).any()
            yield type(loss)(loss.value * math.inf if bad else loss.value)


CASES = {
    "data": (lambda: Supervised(network()), math.nan, "the batch's tensor 1 itself, example 5"),
    "output": (
        lambda: Supervised(network(Root())), 1e6, r"the output of 'model.0' \(Root\), example 5",
    ),
    "gradient": (
        lambda: Supervised(nn.Sequential(nn.Linear(2, 2).double(), Late())), 1e6,
        r"the gradient that comes back through 'model.1' \(Late\)",
    ),
    "loss": (lambda: Scaled(network()), 1e6, "the loss itself, examples 1, 2"),
}  # fmt: skip


class Steep(torch.autograd.Function):
    """Nothing forwards, and infinitely steep for large numbers."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(-1, 1)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return torch.where(x.abs() > 1e4, math.inf, gradient)


class Late(nn.Module):
    """Finite forwards and infinite backwards for large inputs."""

    def forward(self, x):
        return Steep.apply(x)


@pytest.mark.law("nonfinite")
@pytest.mark.parametrize("policy", ["stop", "skip"])
@pytest.mark.parametrize("case", CASES)
def test_the_first_bad_module_and_the_batch_are_named(case, policy, tmp_path):
    make, value, message = CASES[case]
    source = data(poisoned=[36], value=value)
    options = {"optimizers": "sgd:lr=0.1", "epochs": 1, "folder": tmp_path / "run"}
    clip = 1.0 if case == "gradient" else None
    if policy == "stop":
        with pytest.raises(NonFiniteError, match=f"epoch 1, batch 3; first in {message}") as told:
            fit(make(), source, clip=clip, **options)
        assert told.value.step == 3
        assert "\n" not in str(told.value)
    else:
        run = fit(make(), source, nonfinite="skip", **options)
        assert run.steps == 6
        events = run_folder.read_lines(tmp_path / "run" / "events.jsonl")
        (skipped,) = [event for event in events if event["event"] == "skipped"]
        assert (skipped["step"], skipped["epoch"], skipped["batch"]) == (3, 1, 3)
        assert re.search(f"epoch 1, batch 3; first in {message}", skipped["where"])


@pytest.mark.law("nonfinite")
def test_a_weight_that_is_bad_before_its_batch_is_named():
    objective = Supervised(network())
    objective.model[1].weight.data[0, 0] = math.inf
    with pytest.raises(NonFiniteError, match=r"first in the weight 'model.1.weight' before this"):
        fit(objective, data(), epochs=1)


def trained(source, policy, **options):
    model = network()
    given = {"optimizers": "adamw:lr=0.02", "epochs": 1, "average": "ema:decay=0.9"} | options
    run = fit(Supervised(model), source, nonfinite=policy, **given)
    return model.state_dict(), run


@pytest.mark.law("nonfinite")
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_skipped_batch_leaves_everything_as_it_was(accumulate):
    """As a run in which that step is taken by nobody: weights, moments, statistics, average."""
    found, run = trained(data(poisoned=[90]), "skip", accumulate=accumulate)
    short = data(96 - 16 * accumulate)
    expected, other = trained(short, "skip", accumulate=accumulate)
    assert run.steps == other.steps + 1
    assert all(torch.equal(value, expected[key]) for key, value in found.items())
    assert all(value.isfinite().all() for value in found.values())
    assert run.history[0]["train/loss"] == pytest.approx(other.history[0]["train/loss"])


def test_an_infinite_gradient_behind_a_finite_loss_is_skipped():
    objective = Supervised(nn.Sequential(nn.Linear(2, 2).double(), Late()))
    fit(objective, data(poisoned=[36], value=1e6), nonfinite="skip", epochs=2)
    assert all(parameter.isfinite().all() for parameter in objective.parameters())
    objective = Supervised(nn.Sequential(nn.Linear(2, 2).double(), Late()))
    with pytest.raises(NonFiniteError, match=r"the weight 'model.0.weight' before this batch"):
        fit(objective, data(poisoned=[36], value=1e6), epochs=2)


def test_a_run_of_nothing_but_bad_batches_ends():
    with pytest.raises(NonFiniteError, match="the 49 steps before it were skipped too"):
        fit(Supervised(network()), data(poisoned=range(96)), nonfinite="skip", epochs=20)


@pytest.mark.law("nonfinite")
def test_going_back_is_the_run_without_the_batch_at_half_the_rate(tmp_path):
    """From the checkpoint of step 2 on: batch 5 is left out, and two steps go at half the rate."""
    source = data(poisoned=[70])
    found, run = trained(
        source, "rollback:steps=3,tries=1", optimizers="sgd:lr=0.1", folder=tmp_path / "run",
        save_every=2, average=None,
    )  # fmt: skip
    events = run_folder.read_lines(tmp_path / "run" / "events.jsonl")
    (back,) = [event for event in events if event["event"] == "rolled back"]
    assert (back["step"], back["to"]) == (5, 4)
    assert "epoch 1, batch 5; first in the batch's tensor 1 itself, example 7" in back["where"]
    assert run.steps == 6
    good = data()
    model = network()

    class ByHand(Supervised):
        steps = 0

        def losses(self, batch):
            self.steps += 1
            for loss in super().losses(batch):
                yield type(loss)(loss.value * (0.5 if self.steps == 5 else 1.0))

    batches = [batch for number, batch in enumerate(good.epoch(0, seed=0)) if number != 4]

    class Gap(list):
        def epoch(self, number, *, seed, start=0):
            return iter(self)

    # Dropout is a function of the step: the sixth step's mask is wanted for the fifth batch.
    from cartograd.engine.loop import training_loop as loops

    seeder = loops.seeder

    def shifted(device, seed, purpose, **_):
        reseed = seeder(device, seed, purpose)
        return lambda step: reseed(step if step < 4 else step + 1)

    loops.seeder = shifted
    try:
        fit(ByHand(model), Gap(batches), optimizers="sgd:lr=0.1", epochs=1)
    finally:
        loops.seeder = seeder
    for key, value in model.state_dict().items():
        torch.testing.assert_close(found[key], value, atol=1e-12, rtol=0)


def test_going_back_has_an_end(tmp_path):
    source = data(poisoned=[20, 40, 60])
    with pytest.raises(NonFiniteError, match=r"went back 2 times; the newest checkpoint is that"):
        trained(source, "rollback:tries=2", folder=tmp_path / "run", save_every=1)
    _, run = trained(source, "rollback:tries=3", folder=tmp_path / "more", save_every=1)
    assert run.steps == 6


def test_a_rate_that_explodes_is_halved_until_it_holds(tmp_path):
    """Gradient descent on a parabola diverges above a rate of 1; a quarter of 3 converges."""

    class Parabola(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(1.0))
            self.players = {"model": self}

        def losses(self, batch):
            from cartograd.core.protocols import Loss

            yield Loss(self.weight.square().expand(len(batch[0])))

    objective = Parabola()
    batches = [(torch.zeros(2),)] * 400
    run = fit(
        objective, batches, optimizers="sgd:lr=3", epochs=1, folder=tmp_path / "run",
        nonfinite="rollback:steps=400,tries=5", save_every=1000,
    )  # fmt: skip
    events = run_folder.read_lines(tmp_path / "run" / "events.jsonl")
    assert [event["event"] for event in events].count("rolled back") == 2
    assert abs(float(objective.weight.detach())) < 1e-6
    assert run.steps == 400


@pytest.mark.parametrize("stop", [5, 6, 8, 9])
def test_resume_after_going_back_is_exact(stop, tmp_path):
    """Stopped before it, a run has another checkpoint to go back to."""

    class Stopping:
        """After so many steps; those that were taken again count."""

        def __init__(self, last):
            self.last, self.steps = last, 0

        def on_step(self, view):
            self.steps += 1
            if self.steps == self.last:
                os.kill(os.getpid(), signal.SIGINT)

    ends = []
    options = {
        "optimizers": "adamw:lr=0.02", "epochs": 2, "save_every": 3, "schedules": "cosine",
        "nonfinite": "rollback:steps=4",
    }  # fmt: skip
    for last in (0, stop):
        objective, folder = Supervised(network()), tmp_path / str(last)
        stopping = [Stopping(last)]
        run = fit(objective, data(poisoned=[70]), folder=folder, callbacks=stopping, **options)
        if last:
            assert run.stopped == "interrupted"
            objective = Supervised(network())
            fit(objective, data(poisoned=[70]), folder=folder, resume=True, **options)
        ends.append((objective.model.state_dict(), (folder / "metrics.jsonl").read_bytes()))
    assert ends[0][1] == ends[1][1]
    assert all(torch.equal(value, ends[1][0][key]) for key, value in ends[0][0].items())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("skipp", "unknown way with numbers that are not finite 'skipp'; did you mean 'skip'"),
        ("rollback", "goes back to a checkpoint: give folder="),
        ("skip:steps=3", "unknown argument of skip 'steps'"),
        ("rollback:tries=0", "tries=0; expected a whole number above 0"),
    ],
)
def test_wrong_policies(given, message):
    with pytest.raises(UsageError, match=message):
        fit(Supervised(network()), data(), nonfinite=given)
