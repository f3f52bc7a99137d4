"""Averages of weights: against torch's, against their definitions, and through the engine."""

import copy
import os
import signal

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.engine.optim import average
from cartograd.engine.optim.average import Average
from cartograd.training.averages import ema, tail
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


def path(steps=30):
    """A module with running statistics, and what it holds after each of its steps."""
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
    for _ in range(steps):
        net(torch.randn(8, 3, dtype=torch.float64)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        yield net


def tensors(net):
    return {key: value.clone() for key, value in net.state_dict().items()}


def apply(spec, steps=30):
    """The states along the path, the averaged one at its end, and the average itself."""
    seen, mine = [], None
    for number, net in enumerate(path(steps), start=1):
        mine = mine or Average(net, average.rule(spec, steps), steps)
        mine.update(number)
        seen.append(tensors(net))
    last = tensors(net)
    mine.exchange()
    found = tensors(net)
    mine.exchange()
    assert all(torch.equal(a, last[key]) for key, a in net.state_dict().items())
    return seen, found


@pytest.mark.oracle("ema")
def test_ema_is_torchs():
    theirs = None
    torch.manual_seed(0)
    _, found = apply("ema:decay=0.9,bias_correction=false")
    torch.manual_seed(0)
    for net in path():
        theirs = theirs or AveragedModel(
            net, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True
        )
        theirs.update_parameters(net)
    compare(found, theirs.module.state_dict())


@pytest.mark.oracle("tail")
def test_tail_is_torchs():
    theirs = None
    torch.manual_seed(0)
    _, found = apply("tail:share=0.3")
    torch.manual_seed(0)
    for number, net in enumerate(path(), start=1):
        if number > 21:
            theirs = theirs or AveragedModel(net, use_buffers=True)
            theirs.update_parameters(net)
    compare(found, theirs.module.state_dict())


def compare(mine, theirs):
    for key, value in mine.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, theirs[key], atol=1e-12, rtol=0)


@pytest.mark.law("ema")
def test_corrected_ema_counts_by_age_alone():
    seen, found = apply("ema:decay=0.8", steps=12)
    ages = 0.8 ** torch.arange(11, -1, -1, dtype=torch.float64)
    for key in ("0.weight", "1.running_var"):
        stack = torch.stack([state[key] for state in seen])
        expected = torch.tensordot(ages / ages.sum(), stack, 1)
        torch.testing.assert_close(found[key], expected, atol=1e-12, rtol=0)
    assert found["1.num_batches_tracked"] == 12


@pytest.mark.law("tail")
@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_tail_is_the_arithmetic_mean(share):
    seen, found = apply(f"tail:share={share}", steps=12)
    first = min(int((1 - share) * 12), 11)
    stack = torch.stack([state["0.weight"] for state in seen[first:]])
    torch.testing.assert_close(found["0.weight"], stack.mean(0), atol=1e-12, rtol=0)


def test_before_the_tail_the_weights_answer_themselves():
    assert [tail.portion(step, 10, share=0.3) for step in (1, 7, 8)] == [None, None, 1.0]
    assert ema.portion(1, None) == ema.portion(1, None, bias_correction=False) == 1.0
    with pytest.raises(UsageError, match="needs data with a length"):
        tail.portion(1, None)


SPECS = ["ema:decay=0.9", "tail:share=0.5"]


def data(n=96):
    x, y = quadrants(n)
    return Toy(x, y, batch_size=16), Toy(*quadrants(64, seed=5))


def norm_mlp():
    net = mlp(2, 8, 2, dropout=0.2)
    net.insert(1, nn.BatchNorm1d(8))
    return net


@pytest.mark.parametrize("spec", SPECS)
def test_the_run_validates_and_ends_with_the_average(spec):
    """The weights follow the same path; what is validated and returned is the average on it."""
    train, valid = data()
    states, net = [], norm_mlp()

    class Noting(Supervised):
        def after_step(self, player):
            states.append(tensors(self.model))

    options = {"epochs": 3, "optimizers": "sgd:lr=0.5"}
    plain = norm_mlp()
    fit(Supervised(plain), train, **options)
    run = fit(Noting(net), train, average=spec, validate=valid, monitor="valid/loss", **options)
    assert torch.equal(states[-1]["0.weight"], plain[0].weight)
    best = run.best["step"]
    rule = average.rule(spec, 18)
    mean = None
    for number, state in enumerate(states[:best], start=1):
        share = rule(number, 18)
        if share is not None:
            mean = state if mean is None else {
                key: value.lerp(state[key], share) if value.is_floating_point() else state[key]
                for key, value in mean.items()
            }  # fmt: skip
    mean = mean or states[best - 1]
    for key, value in net.state_dict().items():
        torch.testing.assert_close(value, mean[key], atol=1e-6, rtol=0)
    with torch.no_grad():
        x, y = valid.tensors
        loss = float(nn.functional.cross_entropy(net.eval()(x), y))
    assert run.best["valid/loss"] == pytest.approx(loss, rel=1e-5)


def test_without_validation_the_end_is_averaged_too():
    train, _ = data()
    one, two = norm_mlp(), norm_mlp()
    fit(Supervised(one), train, epochs=2, average="tail:share=0.5")
    fit(Supervised(two), train, epochs=2)
    assert not torch.equal(one[0].weight, two[0].weight)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("stop", [2, 8, 11, 17])
def test_resume_is_exact(spec, stop, tmp_path):
    train, valid = data()

    class Stopping:
        def on_step(self, view):
            if view.step == stop:
                os.kill(os.getpid(), signal.SIGINT)

    options = {"epochs": 3, "average": spec, "validate": valid, "optimizers": "adamw:lr=0.02"}
    ends = []
    for stops in (False, True):
        objective, folder = Supervised(norm_mlp()), tmp_path / str(stops)
        stopping = [Stopping()] if stops else []
        run = fit(objective, train, folder=folder, save_every=5, callbacks=stopping, **options)
        if stops:
            assert run.stopped == "interrupted"
            objective = Supervised(norm_mlp())
            run = fit(objective, train, folder=folder, resume=True, **options)
        ends.append((objective.model.state_dict(), (folder / "metrics.jsonl").read_bytes()))
    assert ends[0][1] == ends[1][1]
    for key, value in ends[0][0].items():
        assert torch.equal(value, ends[1][0][key]), key


def test_a_frozen_weight_and_other_players_are_left_alone():
    net = norm_mlp()
    net[0].weight.requires_grad_(False)
    before = copy.deepcopy(net[0].weight)
    train, _ = data()
    fit(Supervised(net), train, epochs=1, average="ema")
    assert torch.equal(net[0].weight, before)
