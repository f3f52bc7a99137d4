"""The autotuner: another layout and thread count, the same arithmetic, and no trace of looking."""

import os
import signal

import pytest
import torch
from torch import nn

from cartograd.engine.logging import run_folder
from cartograd.engine.loop import candidates
from cartograd.engine.loop.fit import fit
from cartograd.engine.optim.player import Player
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3),
        nn.Flatten(), nn.Linear(4 * 4 * 4, 3),
    ).double()  # fmt: skip


def images(n=48):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, 2, 8, 8, dtype=torch.float64, generator=generator)
    return Toy(x, torch.arange(n) % 3, batch_size=8)


def always(choice, monkeypatch):
    monkeypatch.setattr(candidates, "tuned", lambda *given: choice)


@pytest.mark.parametrize(
    "optimizer", ["sgd:lr=0.05,momentum=0.9", "adamw:lr=0.01", "rmsprop:lr=1e-3"]
)
@pytest.mark.parametrize("average", [None, "ema:decay=0.9"])
def test_channels_last_is_the_same_arithmetic(optimizer, average, monkeypatch, tmp_path):
    """Fused optimizers go through memory in order: weights, gradients, moments have to agree."""
    ends, layouts = [], []

    class Looking(Supervised):
        def after_step(self, player):
            layouts.append(self.model[0].weight.is_contiguous(memory_format=torch.channels_last))

    options = {"optimizers": optimizer, "average": average, "epochs": 2, "clip": 1.0}
    for tunes in (False, True):
        always(("channels_last", 1), monkeypatch)
        model = network()
        fit(Looking(model), images(), autotune=tunes, **options)
        ends.append(model.state_dict())
        assert model[0].weight.is_contiguous()
    assert layouts == [False] * 12 + [True] * 12
    for key, value in ends[0].items():
        torch.testing.assert_close(value, ends[1][key], atol=1e-12, rtol=0)


def test_the_choice_is_kept_and_a_resumed_run_has_it(monkeypatch, tmp_path):
    ends = []
    before = torch.get_num_threads()
    for stops in (False, True):
        always(("channels_last", 2), monkeypatch)
        model, seen = network(), []

        class Stopping(Supervised):
            def after_step(self, player):
                seen.append(torch.get_num_threads())  # noqa: B023
                if stops and len(seen) == 8:  # noqa: B023
                    os.kill(os.getpid(), signal.SIGINT)

        folder = tmp_path / str(stops)
        options = {
            "epochs": 3, "folder": folder, "save_every": 4, "autotune": True,
            "optimizers": "adamw:lr=0.01",
        }  # fmt: skip
        fit(Stopping(model), images(), **options)
        if stops:
            always(("contiguous", 1), monkeypatch)
            model = network()
            fit(Stopping(model), images(), resume=True, **options)
        assert set(seen) == {2}
        assert torch.get_num_threads() == before
        assert run_folder.read_chosen(folder) == {
            "precision": "float32", "layout": "channels_last", "threads": 2,
        }  # fmt: skip
        ends.append(model.state_dict())
    assert all(torch.equal(value, ends[1][key]) for key, value in ends[0].items())


def test_looking_leaves_no_trace(monkeypatch):
    monkeypatch.setattr(candidates, "SECONDS", 0.05)
    objective = Supervised(network())
    players = {"model": Player("model", objective.model, "adamw:lr=0.1", clip=None)}
    before = {key: value.clone() for key, value in objective.state_dict().items()}
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    group = list(images().epoch(0, seed=0))[:2]
    choice = candidates.tuned(objective, players, group, torch.device("cpu"), "float32")
    assert choice in candidates.candidates(players, torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert all(torch.equal(value, before[key]) for key, value in objective.state_dict().items())
    assert not players["model"].optimizer.state
    assert all(parameter.grad is None for parameter in objective.parameters())


def test_another_choice_has_to_be_clearly_faster(monkeypatch):
    objective = Supervised(network())
    players = {"model": Player("model", objective.model, "sgd", clip=None)}
    usual = ("contiguous", torch.get_num_threads())
    for factor, expected in ((0.97, usual), (0.5, ("channels_last", usual[1]))):
        times = {one: factor if "last" in one[0] else 1.0 for one in candidates.candidates(
            players, torch.device("cpu"))}  # fmt: skip
        monkeypatch.setattr(candidates, "_timed", lambda *given: times)  # noqa: B023
        given = (objective, players, [], torch.device("cpu"), "float32")
        assert candidates.tuned(*given) == expected


def test_what_cannot_be_copied_keeps_what_is_usual(monkeypatch):
    class Single(Supervised):
        def __deepcopy__(self, memo):
            raise TypeError("there is only one of me")

    model = network()
    fit(Single(model), images(), autotune=True, epochs=1)
    assert model[0].weight.is_contiguous()


def test_a_layout_of_the_users_own_is_left_alone():
    """Also through a checkpoint: moments come back in the layout of their weights."""
    model = network().to(memory_format=torch.channels_last)
    fit(Supervised(model), images(), epochs=1)
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_moments_get_the_layout_of_their_weights(tmp_path):
    ends = []
    for last in (False, True):
        for epochs in (1, 2):
            model = network()
            if last:
                model.to(memory_format=torch.channels_last)
            fit(
                Supervised(model), images(), optimizers="adamw:lr=0.01", epochs=epochs,
                folder=tmp_path / str(last), resume=epochs == 2,
            )  # fmt: skip
        ends.append(model.state_dict())
    for key, value in ends[0].items():
        torch.testing.assert_close(value, ends[1][key], atol=1e-12, rtol=0)


def test_a_network_without_filters_chooses_threads_alone():
    players = {"model": Player("model", mlp(2, 4, 2), "sgd", clip=None)}
    choices = candidates.candidates(players, torch.device("cpu"))
    assert {layout for layout, _ in choices} == {"contiguous"}
    fit(Supervised(mlp(2, 4, 2)), Toy(*quadrants(32)), autotune=True, epochs=1)
