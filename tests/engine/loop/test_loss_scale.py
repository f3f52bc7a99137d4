"""float16 with a scaled loss, imitated on the processor: what it keeps, leaves out and counts."""

import json

import pytest
import torch
from torch import nn

from cartograd.core.protocols import Loss
from cartograd.engine.device.device import autocast
from cartograd.engine.logging.metric_logger import NonFiniteError
from cartograd.engine.loop import fit as fitting
from cartograd.engine.loop.fit import fit
from cartograd.engine.optim.player import Player
from tests.engine.toys import Toy

CPU = torch.device("cpu")


class Squares(nn.Module):
    """Squared errors times a factor."""

    def __init__(self, model, factor):
        super().__init__()
        self.model, self.players, self.factor = model, {"model": model}, factor

    def losses(self, batch):
        x, y = batch
        yield Loss(self.factor * (self.model(x).float()[:, 0] - y).square())


def line():
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def data():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(16, 3, generator=generator)
    return Toy(x, x @ torch.tensor([1.0, -2.0, 0.5]), batch_size=4)


@pytest.fixture
def on_a_gpu(monkeypatch):
    """As where half precision is fast; a processor computes it all the same, slowly."""
    monkeypatch.setattr(fitting, "check_precision", lambda name, device: name)


@pytest.mark.law("mixed-precision")
def test_small_gradients_are_kept_by_the_scale():
    """Of about 1e-8, which float16 cannot hold."""
    x, y = next(data().epoch(0, seed=0))
    found = {}
    for name in ("float32", "fp16", "scaled"):
        scaler = torch.amp.GradScaler("cpu") if name == "scaled" else None
        player = Player("model", line(), "sgd:lr=1e6", clip=None, scaler=scaler)
        before = player.module.weight.detach().clone()
        with autocast("float32" if name == "float32" else "fp16", CPU):
            (loss,) = Squares(player.module, 1e-8).losses((x, y))
        player.backward(loss.value, 1 / len(x))
        player.step()
        assert not player.overflowed
        found[name] = player.module.weight.detach() - before
    assert found["fp16"].abs().max() < 0.5 * found["float32"].abs().max()
    torch.testing.assert_close(found["scaled"], found["float32"], rtol=4e-3, atol=1e-5)


@pytest.mark.law("mixed-precision")
def test_a_step_that_overflows_is_left_out_and_counted(tmp_path, on_a_gpu):
    model, before = line(), line()
    run = fit(
        Squares(model, 1e3), data(), precision="fp16", optimizer="adam:lr=0.05", average="ema",
        epochs=2, folder=tmp_path / "run", nonfinite="stop", schedule=None,
    )  # fmt: skip
    lines = (tmp_path / "run" / "events.jsonl").read_text().splitlines()
    events = [event for event in map(json.loads, lines) if event["event"] == "skipped"]
    assert run.steps == run.skipped == len(events) == 8
    scales = [float(event["error"].rpartition(" ")[2]) for event in events]
    assert scales == [65536 / 2**number for number in range(8)]
    assert all(map(torch.equal, model.state_dict().values(), before.state_dict().values()))


@pytest.mark.law("mixed-precision")
def test_it_learns_once_the_scale_fits_and_a_resumed_run_keeps_the_scale(tmp_path, on_a_gpu):
    options = {"precision": "fp16", "optimizer": "adam:lr=0.05", "schedule": None, "clip": 5000.0}
    whole, parts = line(), line()
    run = fit(Squares(whole, 1e3), data(), folder=tmp_path / "whole", epochs=8, **options)
    fit(Squares(parts, 1e3), data(), folder=tmp_path / "parts", epochs=5, **options)
    again = fit(
        Squares(parts, 1e3), data(), folder=tmp_path / "parts", epochs=8, resume=True, **options
    )
    assert 8 < run.skipped < 16
    assert again.skipped == run.skipped
    assert run.history[-1]["train/loss"] < 0.9 * run.history[0]["train/loss"]
    assert all(map(torch.equal, whole.state_dict().values(), parts.state_dict().values()))


@pytest.mark.law("mixed-precision")
def test_emulated_half_precision_is_half_precision_with_its_scale(on_a_gpu):
    """Numbers of 16 bits and skipped steps are those of `fp16`; float32 gives others."""
    ends = {}
    for precision in ("fp16", "fp16-emulated", "float32"):
        model = line()
        options = {"optimizer": "adam:lr=0.05", "schedule": None, "precision": precision}
        run = fit(Squares(model, 1e3), data(), epochs=5, **options)
        ends[precision] = run.skipped, model.weight.detach()
    assert ends["fp16"][0] == ends["fp16-emulated"][0] > 0 == ends["float32"][0]
    assert torch.equal(ends["fp16"][1], ends["fp16-emulated"][1])
    assert not torch.equal(ends["fp16"][1], ends["float32"][1])


def test_gradients_that_never_fit_end_the_run(tmp_path, on_a_gpu):
    with pytest.raises(NonFiniteError, match=r"overflowed at loss scale .*49 steps before"):
        fit(Squares(line(), 1e30), data(), precision="fp16", epochs=20, folder=tmp_path / "run")
