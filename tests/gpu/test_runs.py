"""Runs on a GPU: where modules end, what wrong data does, what a stopped or shared run says."""

import os
import signal
import subprocess
import sys

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.logging.metric_logger import NonFiniteError
from cartograd.engine.logging.run_folder import read_lines
from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import fit
from cartograd.engine.optim.optimizers import optimizer, optimizers
from cartograd.frontier.privacy.per_example import ExampleGradients

N = 64


def source(*, wrong=None, poisoned=None):
    x = torch.randn(N, 2, generator=torch.Generator().manual_seed(0))
    y = torch.arange(N) % 2
    if wrong is not None:
        y[wrong] = 7
    if poisoned is not None:
        x[poisoned] = float("nan")
    return [(x[i : i + 8], y[i : i + 8]) for i in range(0, N, 8)]


def signed():
    data = cg.dataset("moons:examples=200")
    return cg.sign(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2)), data.signature)


def test_a_module_comes_back_to_where_it_was():
    objective = build("classify", model=signed())
    before = next(objective.parameters()).detach().clone()
    fit(objective, source(), validate=source(), epochs=1)
    after = next(objective.parameters())
    assert after.device.type == "cpu"
    assert not torch.equal(after, before)
    outputs, targets = collect(objective.players["model"], source())
    assert outputs.device.type == targets.device.type == "cpu"
    assert after.device.type == "cpu"
    objective.cuda()
    fit(objective, source(), epochs=1)
    assert next(objective.parameters()).is_cuda


def test_it_comes_back_when_the_run_fails():
    model = signed()
    objective = build("classify", model=model)
    with pytest.raises(NonFiniteError, match="epoch 1, batch 4"):
        fit(objective, source(poisoned=27), epochs=1)
    assert next(model.parameters()).device.type == "cpu"


@pytest.mark.parametrize("row", [0, 37])
def test_a_class_that_there_is_none_of_leaves_the_device_alive(tmp_path, row):
    objective = build("classify", model=signed())
    with pytest.raises(UsageError, match="has the class 7 in its row"):
        fit(objective, source(wrong=row), epochs=2, folder=tmp_path / "run")
    assert torch.ones(2, device="cuda").sum() == 2
    with pytest.raises(UsageError, match="validation part has the class 7"):
        fit(build("classify", model=signed()), source(), validate=source(wrong=0), epochs=1)


def test_going_back_leaves_out_the_batch(tmp_path):
    run = fit(
        build("classify", model=signed()), source(poisoned=35), nonfinite="rollback", epochs=1,
        folder=tmp_path / "run", save_every=2,
    )  # fmt: skip
    assert run.steps == 8
    events = read_lines(tmp_path / "run" / "events.jsonl")
    (back,) = [event for event in events if event["event"] == "rolled back"]
    assert (back["step"], back["to"]) == (5, 4)
    assert "epoch 1, batch 5; first in the batch's tensor 1 itself, example 4" in back["where"]


def test_a_stop_does_not_save_weights_that_are_not_numbers(tmp_path):
    class Stopping:
        def on_step(self, view):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(NonFiniteError, match="epoch 1, batch 1"):
        fit(
            build("classify", model=signed()), source(poisoned=3), epochs=1,
            folder=tmp_path / "run", callbacks=[Stopping()],
        )  # fmt: skip
    assert not list((tmp_path / "run" / "checkpoints").glob("step-*"))


@pytest.mark.parametrize("name", sorted(optimizers()))
def test_an_optimizer_steps_or_says_why_not(name):
    weight = nn.Parameter(torch.ones(3, 3, device="cuda"))
    if name in ("lbfgs", "sparseadam", "muon"):
        return
    made = optimizer(f"{name}:lr=0.1", [weight])
    weight.sum().backward()
    made.step()
    assert (weight != 1).all()


class Last(nn.Module):
    """A class after the last step of a recurrence."""

    def __init__(self):
        super().__init__()
        self.memory, self.head = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.memory(x)[0][:, -1])


def test_gradients_of_examples_through_recurrences():
    torch.manual_seed(0)
    module = Last().cuda()

    def losses(batch):
        return nn.functional.cross_entropy(module(batch[0]), batch[1], reduction="none")

    batch = torch.randn(6, 5, 3, device="cuda"), torch.arange(6, device="cuda") % 2
    totals, _, _ = ExampleGradients(module, losses).clipped(batch, 0.1)
    alone, _, _ = ExampleGradients(module, losses, "alone").clipped(batch, 0.1)
    for one, other in zip(totals, alone, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_more_processes_than_gpus_are_refused_in_a_line(tmp_path):
    number = torch.cuda.device_count() + 1
    words = f"train mlp --data digits --epochs 1 --nproc {number} --folder {tmp_path / 'run'}"
    done = subprocess.run(
        [sys.executable, "-m", "cartograd", *words.split()], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert f"{number} processes want a GPU each" in done.stderr
    assert done.stderr.strip().count("\n") == 0


@pytest.mark.parametrize(
    "words",
    [
        "vae", "vq-vae", "gan", "glow", "pixelcnn", "v-diffusion", "lenet5", "imagegpt",
        "lenet5 --set precision=bf16", "lenet5 --set precision=fp16", "lenet5 --set compile=true",
        "lenet5 --set privacy=dp-sgd:epsilon=8", "resnet:depth=8 --set deterministic=true",
    ],
)  # fmt: skip
def test_a_run_leaves_a_bundle_that_loads_on_the_processor(tmp_path, words):
    model, *rest = words.split()
    called = [
        "train", model, "--data", "digits", "--epochs", "1", *rest, "--folder", "run",
    ]  # fmt: skip
    for command in (called, ["evaluate", "run", "--device", "cpu"], ["evaluate", "run"]):
        done = subprocess.run(
            [sys.executable, "-m", "cartograd", *command],
            capture_output=True, text=True, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
