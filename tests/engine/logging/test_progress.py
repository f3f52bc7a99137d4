import io
import sys

import pytest

from cartograd.engine.logging.progress import Bar, chosen, told
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


class Terminal(io.StringIO):
    def isatty(self):
        return True


def train(progress, **options):
    x, y = quadrants(64)
    return fit(Supervised(mlp(2, 4, 2)), Toy(x, y), progress=progress, epochs=2, **options)


def test_the_library_is_silent_by_default(capsys):
    train(None)
    train(False)
    assert capsys.readouterr() == ("", "")
    assert chosen(None) == chosen(False) == []


def test_without_a_terminal_a_line_per_epoch_on_stderr(capsys):
    run = train(True, validate=Toy(*quadrants(20)))
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith("epoch 1/2  train/loss 0.")
    assert f"valid/loss {run.history[1]['valid/loss']:.4g}" in second


def test_a_bar_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(chosen(True)[0], Bar)
    train(True, validate=Toy(*quadrants(20)))
    text = terminal.getvalue()
    for word in ("epoch 1/2", "batches/s", "train/loss", "valid/loss"):
        assert word in text


def test_a_bar_without_known_length(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    class Endless:
        def __iter__(self):
            yield quadrants(8)

    fit(Supervised(mlp(2, 4, 2)), Endless(), progress=True, epochs=2)
    assert "epoch 2/2" in terminal.getvalue()


def test_the_bar_is_put_away_after_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    bar = Bar()

    class Broken(Supervised):
        def after_step(self, player):
            raise KeyError("x")

    with pytest.raises(KeyError):
        fit(Broken(mlp(2, 4, 2)), Toy(*quadrants(8)), progress=bar)
    assert not bar.rich.live.is_started


def test_numbers_in_a_line():
    record = {"step": 3, "epoch": 1, "train/loss": 0.123456, "lr": 1e-3, "seconds": 61.26}
    assert told(record) == "train/loss 0.1235  lr 0.001  61.3 s"
