"""Before the first step: a batch of each part is tried, and nobody can tell afterwards."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Loss
from cartograd.engine.logging.run_folder import read_lines
from cartograd.engine.loop import fit as loop_of_fit
from cartograd.engine.loop.fit import fit
from cartograd.engine.loop.probe import unchanged
from cartograd.engine.loop.rehearsal import Operations
from tests.engine.objectives.supervised import Supervised
from tests.engine.objectives.wgan_gp import WGANGP
from tests.engine.toys import Toy, mlp, quadrants

pytestmark = pytest.mark.untyped  # the shape-checking hook draws from Python's own random numbers

DATA = quadrants(64)


class Drawing(Supervised):
    """Everything that a pass can change: dropout, running statistics, counters and generators."""

    def __init__(self):
        inner = nn.BatchNorm1d(16, momentum=None)
        super().__init__(nn.Sequential(mlp(2, 16), inner, nn.Dropout(0.3), mlp(16, 2, seed=1)))
        self.calls, self.seen, self.generator = 0, [], np.random.default_rng(0)
        self.register_buffer("mean", torch.zeros(()))

    def losses(self, batch):
        x, y = batch
        self.calls += 1
        self.seen.append(float(self.generator.normal()))
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean() + random.gauss(0, 1)
        noise = float(np.random.standard_normal()) + self.seen[-1]  # noqa: NPY002  as users do
        yield from super().losses((x + 0.1 * torch.randn_like(x) + noise + 0.01 * self.calls, y))


def trained(objective, **more):
    run = fit(
        objective, Toy(*DATA), validate=Toy(*DATA, shuffle=False), epochs=2,
        optimizer="adamw:lr=1e-2", **more,
    )  # fmt: skip
    history = [{k: v for k, v in x.items() if k != "seconds"} for x in run.history]
    return history, objective.state_dict(), (objective.calls, objective.seen)


def test_a_rehearsed_run_is_that_without_a_rehearsal(monkeypatch):
    with_one = trained(Drawing())
    monkeypatch.setattr(loop_of_fit, "rehearse", lambda *_: Operations())
    without = trained(Drawing())
    assert with_one[0] == without[0]
    assert all(torch.equal(value, without[1][key]) for key, value in with_one[1].items())
    assert with_one[2] == without[2]


def test_nothing_that_a_block_changes_stays_changed():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    with unchanged(model):
        model.eval().train()(torch.randn(8, 3))
        model[0].momentum, model.new = 0.5, [1]
        model[0].register_buffer("more", torch.ones(2))
        model[1].eval()
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in before.items())
    assert list(model.state_dict()) == list(before)
    assert (model[0].momentum, model.training, model[1].training) == (0.1, True, True)
    assert not hasattr(model, "new")
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_a_lazy_module_is_made_and_stays_so():
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    with unchanged(model):
        model(torch.ones(4, 2))
    assert model(torch.ones(4, 2)).shape == (4, 3)
    assert type(model[0]) is nn.Linear


def test_no_gradient_and_no_step_is_left_by_a_rehearsal_that_fails(tmp_path):
    objective = Drawing()
    before = {key: value.clone() for key, value in objective.state_dict().items()}

    def broken(outputs, targets):
        raise ZeroDivisionError("no such thing")

    with pytest.raises(UsageError, match=r"validation part.*measured: ZeroDivisionError: no such"):
        trained(objective, metrics={"broken": broken}, folder=tmp_path / "run")
    assert all(torch.equal(value, objective.state_dict()[k]) for k, value in before.items())
    assert all(weight.grad is None for weight in objective.parameters())
    assert (objective.calls, objective.seen) == (0, [])
    assert not (tmp_path / "run").exists()


def test_the_module_and_the_batch_of_a_failure_are_named():
    with pytest.raises(
        UsageError,
        match=r"training part \(float32 32x2, int64 32\) does not go through Supervised: "
        r"RuntimeError: mat1 and mat2 .*\(in model.0, Linear\)",
    ):
        fit(Supervised(mlp(3, 4, 2)), Toy(*DATA), epochs=1)


class Rows(Supervised):
    """Notes how many rows it is given, and takes no fewer than it says."""

    least = 1

    def losses(self, batch):
        if len(batch[0]) < self.least:
            raise ValueError("too few rows")
        given.append(len(batch[0]))
        yield from super().losses(batch)


given: list[int] = []


@pytest.mark.parametrize(("least", "rehearsed"), [(1, 2), (5, 32)])
def test_a_few_rows_are_tried_and_the_whole_batch_where_they_do_not_go_through(least, rehearsed):
    given.clear()
    objective = Rows(mlp(2, 4, 2))
    objective.least = least
    fit(objective, Toy(*DATA), epochs=1)
    assert given == [rehearsed, 32, 32]


def test_a_wrong_label_in_a_late_row_is_told_before_the_run_begins(tmp_path):
    x, y = quadrants(32)
    y = y % 3
    y[30] = 3
    with pytest.raises(UsageError, match="training part"):
        fit(build("classify", model=mlp(2, 4, 3)), [(x, y)], epochs=1, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_fails_in_the_backward_pass_or_in_evaluation_only_is_told_before_the_first_step():
    class Evaluation(nn.Linear):
        def forward(self, x):
            if not self.training:
                raise AttributeError("nothing to evaluate")
            return super().forward(x)

    class InPlace(Supervised):
        def losses(self, batch):
            y = self.model(batch[0]).exp()
            loss = y.mean(1)
            y.add_(1)
            yield Loss(loss)

    with pytest.raises(UsageError, match=r"modified by an inplace operation"):
        fit(InPlace(mlp(2, 4, 2)), Toy(*DATA), epochs=1)
    with pytest.raises(UsageError, match="nothing to evaluate"):
        fit(Supervised(Evaluation(2, 2)), Toy(*DATA), validate=Toy(*DATA), epochs=1)


def test_a_metric_that_wants_more_than_a_batch_gets_all():
    def both(outputs, targets):
        if len(targets) < 64:
            raise ValueError("only one class")
        return 1.0

    run = fit(
        Supervised(mlp(2, 4, 2)), Toy(*DATA), validate=Toy(*DATA), metrics={"both": both}, epochs=1
    )
    assert run.history[0]["valid/both"] == 1.0


def test_an_objective_that_needs_its_steps_is_left_to_the_run():
    class Stepped(Supervised):
        def losses(self, batch):
            before = self.model[0].weight.detach().clone()
            yield from super().losses(batch)
            assert not torch.equal(before, self.model[0].weight)
            yield Loss(self.model(batch[0]).square().mean(1))

    assert fit(Stepped(mlp(2, 4, 2)), Toy(*DATA), epochs=1).steps == 2


def test_several_players_are_rehearsed_and_numbers_are_known(tmp_path):
    def players():
        return WGANGP(mlp(2, 8, 2), mlp(2, 8, 1, seed=1), latent=2)

    data = [(torch.randn(8, 2),)]
    with pytest.raises(UsageError, match=r"unknown number to monitor 'train/critic/los'"):
        fit(players(), data, epochs=1, monitor="min:train/critic/los")


def test_the_operations_of_a_step_are_those_of_the_formula(tmp_path):
    """Forward 2 b i o a layer; backward the same for weights, and for inputs but the first."""
    x, y = quadrants(32)
    objective = build("classify", model=mlp(2, 50, 3))
    fit(objective, Toy(x, y % 3), epochs=1, folder=tmp_path / "run")
    started = read_lines(tmp_path / "run" / "events.jsonl")[0]
    assert started["flops"] == 2 * (2 * (2 * 50) + 3 * (50 * 3))


def test_memory_that_does_not_do_is_told_with_the_way_out():
    class Hungry(Supervised):
        def losses(self, batch):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UsageError, match="does not fit into memory; lower batch_size"):
        fit(Hungry(mlp(2, 4, 2)), Toy(*DATA), epochs=1)


def test_an_objective_with_slots_has_nothing_to_put_back():
    with unchanged(SimpleNamespace(count=1)) as _, unchanged(object()):
        pass
