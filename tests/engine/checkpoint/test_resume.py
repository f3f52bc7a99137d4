"""A run that was stopped and resumed ends with the very bits of one that was not."""

import os
import random
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from cartograd.core.errors import UsageError
from cartograd.core.interrupt import Stopped, stoppable
from cartograd.core.protocols import Loss
from cartograd.engine.checkpoint import storage
from cartograd.engine.logging import run_folder
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.objectives.wgan_gp import WGANGP
from tests.engine.toys import Toy, mlp, quadrants

pytestmark = pytest.mark.untyped  # the shape-checking hook draws from Python's own random numbers


class Interrupting(Toy):
    """Sends a signal to this process when batch `number` (counted over epochs) is made.

    The first batch of all is made for the rehearsal, before the run.
    """

    def __init__(self, *tensors, number, sign=signal.SIGINT, **options):
        super().__init__(*tensors, **options)
        self.number, self.sign, self.rehearsed = number, sign, False

    def epoch(self, number, /, *, seed, start=0):
        rehearses, self.rehearsed = not self.rehearsed, True
        for i, batch in enumerate(super().epoch(number, seed=seed, start=start), start=start):
            if number * len(self) + i == self.number and not rehearses:
                os.kill(os.getpid(), self.sign)
            yield batch


class Averaged(Supervised):
    """With dropout in the model, an average of the weights, and noise of all three generators.

    The average is a buffer; the noisy norms of the weights are state of another kind.
    """

    def __init__(self):
        super().__init__(mlp(2, 16, 16, 2, dropout=0.3))
        self.register_buffer("average", torch.zeros_like(self.model[0].weight))
        self.norms = {"last": torch.zeros(()), "draws": [], "sums": np.zeros(3)}

    def losses(self, batch):
        x, y = batch
        noise = torch.randn_like(x) + random.gauss(0, 1) + float(np.random.standard_normal())  # noqa: NPY002
        yield from super().losses((x + 0.1 * noise, y))

    def after_step(self, player):
        self.average.lerp_(self.model[0].weight.detach(), 0.1)
        self.norms["last"] = self.model[0].weight.detach().norm()
        self.norms["draws"] = [*self.norms["draws"][-4:], (random.random(), self.norms["last"])]
        self.norms["sums"] += np.random.standard_normal(3)  # noqa: NPY002  as users do

    def get_extra_state(self):
        return self.norms

    def set_extra_state(self, state):
        self.norms = state


def one_player(folder, data, resume=False, **more):
    objective = Averaged()
    checks = Toy(*quadrants(60, seed=2), batch_size=20)
    options = {
        "optimizers": "adamw:lr=2e-2", "schedules": "cosine:warmup=0.1", "epochs": 4, "clip": 1.0,
        "accumulate": 2, "validate": checks, "seed": 3,
    }  # fmt: skip
    return objective, fit(objective, data, folder=folder, resume=resume, **options | more)


class Plain:
    """No module: its counter of steps is state all the same."""

    def __init__(self):
        self.model = mlp(2, 8, 2)
        self.players = {"model": self.model}
        self.seen = {"steps": 0, "inputs": torch.zeros(2), "order": []}

    def losses(self, batch):
        x, y = batch
        self.seen["steps"] += 1
        self.seen["inputs"] += x.sum(0)
        self.seen["order"] = [*self.seen["order"], float(x[0, 0])]
        rate = 1 / self.seen["steps"]
        yield Loss(rate * nn.functional.cross_entropy(self.model(x), y, reduction="none"))

    def state_dict(self):
        return self.seen

    def load_state_dict(self, state):
        self.seen = state


def no_module(folder, data, resume=False):
    objective = Plain()
    return objective, fit(objective, data, folder=folder, resume=resume, epochs=4)


def two_players(folder, data, resume=False, **more):
    gan = WGANGP(mlp(2, 16, 2, dropout=0.2), mlp(2, 16, 1), latent=2, critic_steps=2)
    options = {
        "optimizers": {"critic": "adam:lr=1e-3", "generator": "rmsprop:lr=1e-3"}, "epochs": 4,
        "schedules": {"generator": "onecycle"},
    }  # fmt: skip
    return gan, fit(gan, data, folder=folder, resume=resume, **options | more)


def ends(objective, run):
    """All that has to be equal; only the times may differ."""
    last = storage.load(run.folder / "checkpoints")
    parts = {name: part for name, part in last.parts.items() if name != "state"}
    history = [{k: v for k, v in line.items() if k != "seconds"} for line in run.history]
    return {
        "weights": objective.state_dict(),
        "metrics": (run.folder / "metrics.jsonl").read_bytes(),
        "history": history,
        "steps": run.steps,
        "best": run.best.get("epoch"),
        "parts": parts,
    }


def assert_same(a, b, where="run"):
    """Equal to the bit, all the way down."""
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, np.ndarray):
        assert np.array_equal(a, b), where
    elif isinstance(a, dict):
        assert list(a) == list(b), where
        for key in a:
            assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}.{i}")
    else:
        assert a == b, where


@pytest.mark.parametrize("train", [one_player, two_players, no_module])
def test_interrupted_anywhere_and_resumed_equals_unbroken(train, tmp_path):
    """Ten random batches (among them the first and the last), SIGINT and SIGTERM in turn."""
    x, y = quadrants(150)
    tensors = (x,) if train is two_players else (x, y)
    data = Toy(*tensors, batch_size=16)
    expected = ends(*train(tmp_path / "whole", data))
    last = 4 * len(data) - 1
    stops = [0, last, *random.Random(5).sample(range(1, last), 8)]
    for i, number in enumerate(stops):
        folder = tmp_path / f"stopped-{number}"
        sign = (signal.SIGINT, signal.SIGTERM)[i % 2]
        _, run = train(folder, Interrupting(*tensors, batch_size=16, number=number, sign=sign))
        assert run.stopped == "interrupted"
        assert run.steps <= number + 1
        objective, run = train(folder, data, resume=True)
        assert run.stopped is None
        assert_same(expected, ends(objective, run), f"stopped at {number}")


def test_a_command_whose_loop_has_no_folder_ends_with_it():
    """A half-trained model is no result, as of a claim; a program of one's own looks itself."""
    broken = Interrupting(*quadrants(150), batch_size=16, number=3, sign=signal.SIGTERM)
    assert one_player(None, broken)[1].stopped == "interrupted"
    broken = Interrupting(*quadrants(150), batch_size=16, number=3, sign=signal.SIGTERM)
    with pytest.raises(Stopped) as caught, stoppable():
        one_player(None, broken)
    assert caught.value.code == 143


def test_a_signal_in_validation_keeps_the_epochs_steps(tmp_path):
    x, y = quadrants(150)
    data = Toy(x, y, batch_size=16)
    expected = ends(*one_player(tmp_path / "whole", data))
    checks = Interrupting(*quadrants(60, seed=2), batch_size=20, number=1)
    _, run = one_player(tmp_path / "stopped", data, validate=checks)
    assert (run.stopped, run.steps, run.history) == ("interrupted", 5, [])
    objective, run = one_player(tmp_path / "stopped", data, resume=True)
    assert_same(expected, ends(objective, run))


def test_interrupted_many_times(tmp_path):
    """Stopped at every third step, the run still ends the same."""
    x, y = quadrants(150)
    data = Toy(x, y, batch_size=16)
    expected = ends(*one_player(tmp_path / "whole", data))
    stops = 0
    for number in range(0, 40, 6):
        broken = Interrupting(x, y, batch_size=16, number=number)
        _, run = one_player(tmp_path / "run", broken, resume=number > 0)
        stops += run.stopped == "interrupted"
    objective, run = one_player(tmp_path / "run", data, resume=True)
    assert stops == 7
    assert_same(expected, ends(objective, run))


def test_without_a_folder_the_run_so_far_is_returned():
    x, y = quadrants(150)
    model = mlp(2, 8, 2)
    run = fit(Supervised(model), Interrupting(x, y, number=7), epochs=3)
    assert (run.stopped, len(run.history), run.steps) == ("interrupted", 1, 8)
    before = signal.getsignal(signal.SIGINT)
    assert before is signal.default_int_handler


def test_a_second_signal_ends_at_once():
    class Twice(Supervised):
        def losses(self, batch):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            yield from super().losses(batch)

    with pytest.raises(KeyboardInterrupt):
        fit(Twice(mlp(2, 4, 2)), Toy(*quadrants(20)), epochs=3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_early_stopping_is_remembered(tmp_path):
    x, y = quadrants(60)
    options = {"patience": 2, "monitor": "max:valid/loss", "epochs": 30, "schedules": None}
    expected = ends(*one_player(tmp_path / "whole", Toy(x, y, batch_size=16), **options))
    broken = Interrupting(x, y, batch_size=16, number=9)
    one_player(tmp_path / "stopped", broken, **options)
    objective, run = one_player(
        tmp_path / "stopped", Toy(x, y, batch_size=16), resume=True, **options
    )
    assert run.stopped == "early"
    assert_same(expected, ends(objective, run))
    again, run = one_player(tmp_path / "stopped", Toy(x, y, batch_size=16), resume=True, **options)
    assert run.stopped == "early"
    assert_same(expected, ends(again, run))


def test_a_finished_run_can_be_made_longer(tmp_path):
    """Without a schedule that knows its end: 2 epochs and 2 more are 4."""
    x, y = quadrants(100)
    data, options = Toy(x, y, batch_size=16), {"schedules": "cosine"}
    plain = {"schedules": None, "validate": None}
    expected = ends(*one_player(tmp_path / "long", data, **plain))
    one_player(tmp_path / "short", data, epochs=2, **plain)
    objective, run = one_player(tmp_path / "short", data, resume=True, **plain)
    got = ends(objective, run)
    expected["parts"].pop("plan"), got["parts"].pop("plan")
    assert_same(expected, got)
    one_player(tmp_path / "scheduled", data, epochs=2, **options)
    with pytest.raises(UsageError, match="epochs=2 and this run has epochs=4"):
        one_player(tmp_path / "scheduled", data, resume=True, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 4}, "seed=3 and this run has seed=4"),
        ({"accumulate": 1}, "accumulate=2 and this run has accumulate=1"),
        ({"optimizers": "sgd"}, "optimizer="),
        ({"clip": None}, "clip=1.0 and this run has clip=None"),
    ],
)
def test_other_options_are_refused(options, message, tmp_path):
    x, y = quadrants(100)
    one_player(tmp_path, Interrupting(x, y, batch_size=16, number=9))
    before = (tmp_path / "metrics.jsonl").read_bytes()
    with pytest.raises(UsageError, match=message):
        one_player(tmp_path, Toy(x, y, batch_size=16), resume=True, **options)
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    x, y = quadrants(40)
    fit(Supervised(mlp(2, 8, 2)), Toy(x, y), epochs=1, folder=tmp_path)
    for model, message in (
        (mlp(2, 9, 2), r"'model.0.weight' has shape \(8, 2\) and Supervised expects \(9, 2\)"),
        (mlp(2, 8, 8, 2), "lacks 'model.6.weight' and 1 more"),
        (nn.Linear(2, 2), "it has besides 'model.0.weight' and 3 more"),
    ):
        with pytest.raises(UsageError, match=message):
            fit(Supervised(model), Toy(x, y), epochs=1, folder=tmp_path, resume=True)


KILLS, KILLED_EPOCHS = 50, 3
SCRIPT = """
import os, random, shutil, signal, sys, threading
from pathlib import Path
import torch
from tests.engine.checkpoint.test_resume import (
    KILLED_EPOCHS, KILLS, assert_same, ends, one_player, trainers,
)

torch.set_num_threads(1)
torch.optim.AdamW([torch.zeros(1)])  # the first one imports much; once for all children
root, chance, inside = Path(sys.argv[1]), random.Random(1), 0
options = {"epochs": KILLED_EPOCHS}


def watch(folder, last=None):
    # Count what is done to the run's files once it has begun; kill -9 just before the last.
    done, begun = [0], [False]
    def one():
        begun[0] = begun[0] or (folder / "events.jsonl").exists()
        done[0] += begun[0]
        if done[0] == last:
            os.kill(os.getpid(), signal.SIGKILL)
    def audit(event, args):
        if args and isinstance(args[0], str | os.PathLike) and str(folder) in str(args[0]):
            one()
    def profile(frame, event, function):
        if event == "c_call" and function.__name__ in ("write", "flush", "fsync"):
            one()
    sys.addaudithook(audit)
    threading.setprofile(profile)  # of the thread that writes checkpoints
    return done


def forked(train, data, folder, last=None):
    # How the process ended, and how much it did to its files.
    child = os.fork()
    if child == 0:
        done = watch(folder, last)
        train(folder, data, save_every=1, **options)
        (root / f"{train.__name__}.count").write_text(str(done[0]))
        os._exit(0)
    return os.waitpid(child, 0)[1]


whole, moments = {}, {}
for train, data in trainers():
    whole[train] = ends(*train(root / train.__name__, data, **options))
    assert forked(train, data, root / f"{train.__name__}-counted") == 0
    count = int((root / f"{train.__name__}.count").read_text())
    moments[train] = chance.sample(range(1, count + 1), KILLS // 2)
for killed in range(KILLS):
    train, data = trainers()[killed % 2]
    folder, moment = root / str(killed), moments[train][killed // 2]
    while forked(train, data, folder, moment) != signal.SIGKILL:  # it had fewer operations
        shutil.rmtree(folder)
        moment = moment * 3 // 4
    inside += any((folder / "checkpoints").glob(".step-*"))
    assert_same(whole[train], ends(*train(folder, data, resume=True, **options)), folder.name)
    assert not list((folder / "checkpoints").glob(".step-*"))
print(inside)
"""


def trainers():
    """One player and two, with their data."""
    x, y = quadrants(150)
    return (one_player, Toy(x, y, batch_size=16)), (two_players, Toy(x, batch_size=16))


@pytest.mark.journey
def test_killed_at_random_moments(tmp_path):
    """50 times `kill -9` with a checkpoint at each step: each run goes on to the end it would have.

    A moment is one of the operations on the run's files, drawn from all that a whole run does, so
    that it is the same on a busy machine; enough of them have to be in the middle of a
    checkpoint's write.
    """
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= KILLS // 10


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_anew(tmp_path):
    x, y = quadrants(64)
    run = fit(Supervised(mlp(2, 8, 2)), Toy(x, y), epochs=2, folder=tmp_path / "whole")
    folder = run_folder.RunFolder(tmp_path / "killed")
    folder.event("started", step=0)
    run_folder.append(folder.path / "metrics.jsonl", {"at": "step", "step": 1})
    with (folder.path / "events.jsonl").open("a") as file:
        file.write('{"time": 17')
    folder.close()
    model = mlp(2, 8, 2)
    again = fit(Supervised(model), Toy(x, y), epochs=2, folder=folder.path, resume=True)
    for a, b in zip(run.model.parameters(), model.parameters(), strict=True):
        assert torch.equal(a, b)
    texts = [(done.folder / "metrics.jsonl").read_bytes() for done in (run, again)]
    assert texts[0] == texts[1]
    events = [line["event"] for line in run_folder.read_lines(folder.path / "events.jsonl")]
    assert events == ["started", "resumed", "groups", "epoch", "epoch", "checkpoint", "finished"]


class Counting(nn.Module):
    """Notes the first random number of each step."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.players = {"model": self}
        self.drawn = []

    def losses(self, batch):
        self.drawn.append(float(torch.rand(())))
        torch.rand(len(self.drawn))
        yield Loss(self.weight.expand(len(batch[0])))


def test_random_numbers_of_a_step_depend_on_seed_and_step_alone():
    objective, other = Counting(), Counting()
    fit(objective, Toy(torch.zeros(8, 1), batch_size=2), epochs=2)
    fit(other, Toy(torch.zeros(8, 1), batch_size=4), epochs=4)
    assert objective.drawn == other.drawn
    assert len(set(objective.drawn)) == 8


def test_a_loader_that_dies_of_the_same_signal_does_not_spoil_the_stop(tmp_path):
    class Dying(Toy):
        def epoch(self, number, /, *, seed, start=0):
            for i, batch in enumerate(super().epoch(number, seed=seed, start=start)):
                if i == 3:
                    os.kill(os.getpid(), signal.SIGINT)
                    raise RuntimeError("DataLoader worker (pid 1) exited unexpectedly")
                yield batch

    run = fit(Supervised(mlp(2, 4, 2)), Dying(*quadrants(99), batch_size=9), folder=tmp_path)
    assert (run.stopped, run.steps) == ("interrupted", 3)
    assert storage.steps(tmp_path / "checkpoints") == [3]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_that_shuffles_with_torch_goes_on_where_it_was(workers, tmp_path):
    """Not promised for any iterable, but so for the usual one, with random augmentation."""

    class Augmented(TensorDataset):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x + torch.randn_like(x), y

    data = Augmented(*quadrants(64))
    loader = DataLoader(data, batch_size=8, shuffle=True, num_workers=workers)
    options = {"epochs": 2, "save_every": 5}
    whole, model, other = (mlp(2, 8, 2, dropout=0.5) for _ in range(3))
    fit(Supervised(whole), loader, folder=tmp_path / "whole", **options)

    class Stopping:
        def on_step(self, view):
            if view.step == 11:
                os.kill(os.getpid(), signal.SIGTERM)

    stopping = [Stopping()]
    run = fit(Supervised(model), loader, folder=tmp_path / "run", callbacks=stopping, **options)
    assert (run.stopped, run.steps) == ("interrupted", 11)
    fit(Supervised(other), loader, folder=tmp_path / "run", resume=True, **options)
    assert torch.equal(whole[0].weight, other[0].weight)


def test_outside_of_the_main_thread_signals_are_left_alone():
    ended = []

    def train():
        run = fit(Supervised(mlp(2, 4, 2)), Toy(*quadrants(20)), epochs=1)
        ended.append((run.steps, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert ended == [(1, signal.default_int_handler)]


def test_a_run_with_the_earlier_names_of_options_resumes(tmp_path):
    """Its `config.toml` and checkpoints say `optimizers` and `schedules`."""
    x, y = quadrants(200)
    given = {"epochs": 4, "optimizer": "adamw:lr=0.1", "schedule": "cosine"}
    whole, part = mlp(2, 4, 2), mlp(2, 4, 2)
    fit(Supervised(whole), Toy(x, y), **given)
    folder = tmp_path / "run"
    cut = fit(Supervised(part), Interrupting(x, y, number=9), folder=folder, **given)
    assert cut.stopped == "interrupted"
    values, origins = run_folder.read_config(folder)
    names = {"optimizer": "optimizers", "schedule": "schedules"}
    values = {names.get(key, key): value for key, value in values.items()}
    run_folder.write_config(folder, values, origins)
    found = storage.load(folder / "checkpoints")
    plan = {names.get(key, key): value for key, value in found.parts["plan"].items()}
    storage.save(folder / "checkpoints", found.step, found.parts | {"plan": plan})
    done = mlp(2, 4, 2, seed=1)
    fit(Supervised(done), Toy(x, y), folder=folder, resume=True, **given)
    assert all(
        torch.equal(a, b) for a, b in zip(whole.parameters(), done.parameters(), strict=True)
    )
    with pytest.raises(UsageError, match=r"was written with optimizer=.*adamw.*sgd"):
        fit(Supervised(done), Toy(x, y), folder=folder, resume=True, **given | {"optimizer": "sgd"})
