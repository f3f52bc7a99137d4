"""`precision=auto`: what it chooses, that looking leaves no trace, and that resuming keeps it."""

import os
import signal

import pytest
import torch
from torch import nn

from cartograd.architectures.cnn.lenet5 import LeNet5
from cartograd.architectures.cnn.resnet import ResNet
from cartograd.architectures.mlp import MLP
from cartograd.engine.device import device
from cartograd.engine.logging import run_folder
from cartograd.engine.loop import precision
from cartograd.engine.loop.fit import fit
from cartograd.engine.loop.flops import flop_counter
from cartograd.evidence.lab import accuracy, dataset, train
from cartograd.training.objectives.classify import Classify
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants

CPU = torch.device("cpu")


@pytest.fixture
def anywhere(monkeypatch):
    """As on a processor that computes bfloat16 by itself; one that does not imitates it."""
    for room in (device, precision):
        monkeypatch.setattr(room, "fast_bf16", lambda device: True)
        monkeypatch.setattr(room, "exact_bf16", lambda kind: True)


SMALL = {
    "mlp": (lambda: MLP(features=64, classes=10), (64, 64)),
    "tiny": (lambda: mlp(64, 32, 10), (64, 64)),
    "lenet5": (lambda: LeNet5(channels=1, size=8, classes=10), (64, 1, 8, 8)),
    "lenet5 at 28": (lambda: LeNet5(channels=1, size=28, classes=10), (128, 1, 28, 28)),
    "resnet8": (lambda: ResNet(depth=8, width=4, channels=3, size=32, classes=10), (32, 3, 32, 32)),
}
LARGE = {
    "resnet18": (lambda: ResNet(depth=18, channels=3, size=32, classes=10), (16, 3, 32, 32)),
    "resnet18:width=16": (
        lambda: ResNet(depth=18, width=16, channels=1, size=28, classes=10), (128, 1, 28, 28),
    ),
}  # fmt: skip


def batch(shape):
    return torch.randn(shape), torch.zeros(shape[0], dtype=torch.int64)


@pytest.mark.law("mixed-precision")
@pytest.mark.parametrize("name", SMALL)
def test_small_networks_stay_in_float32(name, anywhere):
    make, shape = SMALL[name]
    assert precision.chosen(Classify(model=make()), batch(shape), CPU) == "float32"


@pytest.mark.law("mixed-precision")
@pytest.mark.parametrize("name", LARGE)
def test_large_ones_take_bf16(name, anywhere):
    make, shape = LARGE[name]
    model = make()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    first = batch(shape)
    state = torch.get_rng_state()
    assert precision.chosen(Classify(model=model), first, CPU) == "bf16"
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training


def test_without_arithmetic_for_it_and_in_float64_it_is_float32(monkeypatch, anywhere):
    make, shape = LARGE["resnet18"]
    wide = Classify(model=make().double())
    assert precision.chosen(wide, batch(shape), CPU) == "float32"
    for doubt in ("exact_bf16", "fast_bf16"):
        with monkeypatch.context() as patch:
            patch.setattr(precision, doubt, lambda device: False)
            assert precision.chosen(Classify(model=make()), batch(shape), CPU) == "float32"


def test_counted_flops_are_the_formulas():
    model = mlp(20, 30, 5)
    found = precision.flops(Supervised(model), (torch.randn(7, 20), torch.zeros(7).long()))
    assert found == 2 * 7 * (20 * 30 + 30 * 5)


def test_what_a_rehearsal_counted_need_not_be_counted_again(anywhere, monkeypatch):
    make, shape = LARGE["resnet18"]
    objective, first = Classify(model=make()), batch(shape)
    each = precision.flops(objective, first) / shape[0]
    monkeypatch.setattr(precision, "flops", None)
    assert precision.chosen(objective, first, CPU, counted=each) == "bf16"
    assert precision.chosen(objective, first, CPU, counted=each / 1000) == "float32"


def test_the_operations_of_a_recurrent_layer_are_those_of_its_products():
    """An LSTM of one kernel a layer: four gates, each of inputs and of the state."""
    layer = nn.LSTM(7, 5, 2, batch_first=True)
    with flop_counter() as forward:
        y = layer(torch.randn(3, 4, 7))[0]
    assert forward.get_total_flops() == 2 * (3 * 4) * 4 * (5 * (7 + 5) + 5 * (5 + 5))
    with flop_counter() as backward:
        y.sum().backward()
    assert backward.get_total_flops() == 2 * forward.get_total_flops()


@pytest.mark.skipif(not device.fast_bf16(CPU), reason="no bfloat16 to lay out for")
def test_images_in_bfloat16_have_their_channels_last_within_the_run(tmp_path):
    """Filters come back as they were; what was laid out is kept for a run that goes on."""
    seen = []

    class Seeing(Supervised):
        def after_step(self, player):
            weight = self.model[0].weight
            seen.append(weight.is_contiguous(memory_format=torch.channels_last))

    for given, laid in (("bf16", True), ("float32", False)):
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 16, 2))
        data = Toy(torch.randn(24, 3, 6, 6), torch.arange(24) % 2, batch_size=8)
        for epochs in (1, 2):
            run = fit(
                Seeing(model), data, precision=given, folder=tmp_path / given, epochs=epochs,
                resume=epochs == 2,
            )  # fmt: skip
        assert seen == [laid] * 6
        assert model[0].weight.is_contiguous()
        assert run_folder.read_chosen(run.folder) == ({"layout": "channels_last"} if laid else {})
        seen.clear()


def test_auto_is_the_same_run_to_the_bit_where_it_stays_in_float32(tmp_path):
    ends = []
    for given in ("auto", "float32"):
        model = mlp(2, 8, 2, dropout=0.3)
        model.insert(1, nn.BatchNorm1d(8))
        data = Toy(*quadrants(64))
        run = fit(
            Supervised(model), data, validate=data, precision=given, folder=tmp_path / given,
            epochs=2,
        )  # fmt: skip
        ends.append((model.state_dict(), (run.folder / "metrics.jsonl").read_bytes()))
        chosen = {"precision": "float32"} if given == "auto" else {}
        assert run_folder.read_chosen(run.folder) == chosen
    assert ends[0][1] == ends[1][1]
    assert all(torch.equal(value, ends[1][0][key]) for key, value in ends[0][0].items())


@pytest.mark.law("mixed-precision")
def test_a_resumed_run_keeps_what_was_chosen(tmp_path, monkeypatch, anywhere):
    """The limit is moved between the two parts; the second keeps bfloat16 all the same."""
    data = Toy(*quadrants(96), batch_size=16)
    ends = []
    for stops in (False, True):
        monkeypatch.setattr(precision, "WORTH", 1.0)
        model, folder, seen = mlp(2, 16, 2, dropout=0.2), tmp_path / str(stops), []

        class Stopping(Supervised):
            steps = 0
            last = 8 if stops else 0

            def losses(self, batch):
                seen.append(self.model(batch[0]).dtype)  # noqa: B023
                yield from super().losses(batch)

            def after_step(self, player):
                self.steps += 1
                if self.steps == self.last:
                    os.kill(os.getpid(), signal.SIGINT)

        options = {"epochs": 3, "folder": folder, "save_every": 4}
        run = fit(Stopping(model), data, **options)
        if stops:
            assert run.stopped == "interrupted"
            monkeypatch.setattr(precision, "WORTH", 1e30)
            model = mlp(2, 16, 2, dropout=0.2)
            Stopping.last = 0
            fit(Stopping(model), data, resume=True, **options)
        rehearsals = [torch.float32] * (1 + stops)  # they count for the choice, too
        assert seen[0] == torch.float32
        assert [dtype for dtype in seen if dtype != torch.bfloat16] == rehearsals
        assert run_folder.read_chosen(folder) == {"precision": "bf16"}
        ends.append(model.state_dict())
    assert all(torch.equal(value, ends[1][key]) for key, value in ends[0].items())


@pytest.mark.law("mixed-precision")
def test_products_are_bf16_and_all_else_float32(anywhere):
    seen = []

    class Looking(Supervised):
        def losses(self, batch):
            logits = self.model(batch[0])
            for loss in super().losses(batch):
                seen.append((logits.dtype, loss.value.dtype))
                yield loss

        def after_step(self, player):
            seen.append({parameter.dtype for parameter in self.model.parameters()})

    fit(Looking(mlp(2, 8, 2)), Toy(*quadrants(32)), precision="bf16", epochs=1)
    products = (torch.bfloat16, torch.float32)
    assert seen == [products, products, {torch.float32}]  # the rehearsal, and the step


@pytest.mark.law("mixed-precision")
def test_half_precision_is_as_accurate_on_real_digits():
    """Three seeds each, from the same starts; the weights that come out are others."""
    digits, right, ends = dataset("digits"), {}, {}
    for name in ("float32", "bf16-emulated", "fp16-emulated"):
        models = []
        for seed in range(3):
            torch.manual_seed(seed)
            models.append(MLP(features=64, classes=10))
            train(models[-1], digits.train, seed=seed, epochs=4, precision=name)
        right[name] = torch.tensor([accuracy(model, digits.test) for model in models])
        ends[name] = torch.cat([weight.flatten() for weight in models[0].parameters()])
    assert right["float32"].min() > 0.85
    for name in ("bf16-emulated", "fp16-emulated"):
        assert (right[name] - right["float32"]).abs().max() < 0.02
        assert (right[name] - right["float32"]).mean().abs() < 0.01
        assert not torch.equal(ends[name], ends["float32"])
    assert not torch.equal(ends["bf16-emulated"], ends["fp16-emulated"])
