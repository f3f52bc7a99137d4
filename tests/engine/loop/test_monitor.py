"""The monitored number: early stopping, and a wrong name before the first epoch."""

import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.engine.loop.monitor import Monitor
from cartograd.engine.loop.monitored import monitored
from tests.engine.loop.test_fit import scripted
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


@pytest.mark.law("early-stopping")
@pytest.mark.parametrize("patience", [1, 2, 3, 5])
def test_it_stops_patience_epochs_after_the_best(patience):
    """The loss rises by 1 in odd epochs and falls by 3 until epoch 6, then it rises for good."""
    losses = [9.0, 10.0, 6.0, 7.0, 4.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    run, steps = scripted(losses, epochs=11, patience=patience)
    best = 1 if patience == 1 else 6
    assert run.best["epoch"] == steps == best
    assert len(run.history) == best + patience
    assert run.stopped == "early"


def test_of_equal_epochs_the_later_is_kept_and_patience_runs_on():
    run, steps = scripted([9.0, 4.0, 5.0, 4.0, 6.0, 7.0], epochs=6, patience=3)
    assert run.best["epoch"] == steps == 4
    assert len(run.history) == 5  # three epochs after the second, which the fourth did not beat
    monitor = Monitor("valid/accuracy", falls=False, required=True)
    shares = (0.5, 0.9, 0.9, 0.7)
    history = [{"valid/accuracy": share, "step": i} for i, share in enumerate(shares)]
    assert monitor.ranked(history) == [2, 1, 3, 0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "valid/accurate",
            "monitor='valid/accurate': nothing says whether lower or higher is better; expected "
            r"min:valid/accurate or max:valid/accurate; did you mean 'valid/accuracy'\?",
        ),
        (
            "max:train/acc",
            r"unknown number to monitor 'train/acc'; did you mean 'train/accuracy'\?",
        ),
        (
            "min:train/losss",
            r"unknown number to monitor 'train/losss'; did you mean 'train/loss'\?",
        ),
    ],
)
def test_a_wrong_number_to_monitor_is_told_before_the_first_epoch(name, message, tmp_path):
    x, y = quadrants(40)
    model = mlp(2, 4, 2, dropout=0.1)
    model.insert(1, nn.BatchNorm1d(4))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(UsageError, match=message):
        fit(
            Supervised(model), Toy(x, y), validate=Toy(x, y), monitor=name,
            folder=tmp_path / "run",
        )  # fmt: skip
    assert not (tmp_path / "run").exists()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", ["valid/accuracy", "max:train/accuracy"])
def test_looking_for_a_number_leaves_no_trace(name):
    x, y = quadrants(40)
    ends = []
    for monitor in (name, None):
        model = mlp(2, 4, 2, dropout=0.1)
        model.insert(1, nn.BatchNorm1d(4))
        options = {"validate": Toy(x, y), "monitor": monitor, "epochs": 1}
        run = fit(Supervised(model), Toy(x, y), **options)
        ends.append(model.state_dict())
        assert run.best
    assert all(torch.equal(value, ends[1][key]) for key, value in ends[0].items())


def test_deterministic_mode_is_put_back_and_names_what_it_cannot_do(monkeypatch):
    torch.use_deterministic_algorithms(False)
    seen = []

    class Looking(Supervised):
        def losses(self, batch):
            seen.append((
                torch.are_deterministic_algorithms_enabled(),
                torch.utils.deterministic.fill_uninitialized_memory,
                torch.backends.cudnn.deterministic,
            ))  # fmt: skip
            yield from super().losses(batch)

    x, y = quadrants(20)
    fit(Looking(mlp(2, 4, 2)), Toy(x, y), epochs=1, deterministic=True)
    assert seen == [(True, False, True)] * 2  # the rehearsal, and the step
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert not torch.backends.cudnn.deterministic

    class Refused(Supervised):
        def losses(self, batch):
            raise RuntimeError("histc does not have a deterministic implementation, but you set")

    with pytest.raises(UsageError, match=r"deterministic: histc does not have .*; train"):
        fit(Refused(mlp(2, 4, 2)), Toy(x, y), epochs=1, deterministic=True)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.place("regularize/early-stopping")
@pytest.mark.parametrize(
    ("name", "falls"),
    [
        ("valid/loss", True),
        ("train/auxiliary_loss", True),
        ("valid/mape", True),
        ("valid/bits-per-byte", True),
        ("valid/bits_per_byte", True),
        ("valid/bpb", True),
        ("valid/r2", False),
        ("valid/roc-auc", False),
        ("valid/bleu", False),
        ("valid/character-error-rate", True),
        ("train/mistakes", True),
        ("max:valid/mape", False),
        ("min:valid/own", True),
    ],
)
def test_the_card_says_which_way_is_better(name, falls):
    found = monitored(name, validates=True, patience=2, min_delta=0.0)
    assert (found.falls, found.name) == (falls, name.removeprefix("max:").removeprefix("min:"))


@pytest.mark.parametrize("name", ["valid/own", "valid/error-free", "train/nllx"])
def test_a_number_of_ones_own_has_to_say_it(name):
    with pytest.raises(UsageError, match=f"expected min:{name} or max:{name}"):
        monitored(name, validates=True, patience=None, min_delta=0.0)


def falling_mape(values):
    """A metric called mape that gives these numbers, one an epoch."""
    rest = iter(values)
    return lambda outputs, targets, /: next(rest)


def test_patience_and_plateau_follow_the_card_too():
    """The lowest mape is the best epoch, and cutting begins when it no longer falls."""
    x, y = quadrants(40)
    values = [0.9, 0.5, 0.2, 0.3, 0.4, 0.5, 0.6]
    run = fit(
        Supervised(mlp(2, 4, 2)), Toy(x, y), validate=Toy(x, y), epochs=7, patience=3,
        metrics={"mape": falling_mape([*values, 0.7])}, monitor="valid/mape",
        optimizers="sgd:lr=1e-3", schedules="plateau:patience=1",
    )  # fmt: skip
    best = min(run.history, key=lambda record: record["valid/mape"])
    assert run.best["epoch"] == best["epoch"]
    assert run.stopped == "early"
    assert len(run.history) == best["epoch"] + 3
