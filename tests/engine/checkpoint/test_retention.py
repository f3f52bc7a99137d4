"""Which checkpoints are there at the end of a run."""

import pytest

from cartograd.core.errors import UsageError
from cartograd.engine.checkpoint import storage
from cartograd.engine.checkpoint.retention import NEWEST, Retention
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


def left(folder, keep, **options):
    """Steps with a checkpoint after 6 epochs of 10 steps, one saved every 4."""
    data = Toy(*quadrants(100), batch_size=10)
    options = {"epochs": 6, "save_every": 4, "validate": Toy(*quadrants(40, seed=1))} | options
    run = fit(Supervised(mlp(2, 8, 2)), data, folder=folder, keep=keep, **options)
    return storage.steps(folder / "checkpoints"), run


@pytest.mark.parametrize(
    ("keep", "steps"),
    [
        (None, [56, 60]),
        ("last=1", [60]),
        ("last=4", [48, 52, 56, 60]),
        ("last=1,every=25", [25, 50, 60]),
        ("last=2,every=20", [20, 40, 56, 60]),
        ("last=1,every=10", [10, 20, 30, 40, 50, 60]),
    ],
)
def test_the_newest_and_every_nth(keep, steps, tmp_path):
    assert left(tmp_path, keep)[0] == steps


@pytest.mark.parametrize("monitor", ["max:valid/loss", "min:valid/loss"])
def test_the_best_epochs_are_saved_and_stay(monitor, tmp_path):
    """Of a loss that falls the first epochs are the best, if it is taken to rise."""
    steps, run = left(tmp_path, "last=1,best=2", monitor=monitor)
    ranked = sorted(run.history, key=lambda record: record["valid/loss"])
    ranked = ranked[::-1] if monitor.startswith("max") else ranked
    assert steps == sorted({60, *(record["step"] for record in ranked[:2])})


def test_words():
    assert Retention.parse("best=3") == Retention(last=2, best=3, every=0)
    assert Retention.parse("last=2") == NEWEST
    for text, message in (
        ("newest=2", "unknown word in keep 'newest'"),
        ("last=0", "last=0; expected a whole number of at least 1"),
        ("best=-1", "best=-1; expected"),
        ("every=0.5", "every=0.5; expected a whole number"),
        ("all", "is not of the form last=2,best=1,every=1000"),
    ):
        with pytest.raises(UsageError, match=message):
            Retention.parse(text)


def test_the_best_needs_a_number(tmp_path):
    with pytest.raises(UsageError, match="keep needs a number to tell the best by"):
        left(tmp_path / "run", "best=1", validate=None)
    assert not (tmp_path / "run").exists()
