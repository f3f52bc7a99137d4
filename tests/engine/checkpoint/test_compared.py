"""A run goes on with what it was begun with, or is refused by the name of what differs."""

import warnings
from dataclasses import fields

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from cartograd.core import onednn_linear
from cartograd.core.errors import UsageError
from cartograd.engine.checkpoint import storage
from cartograd.engine.logging import run_folder
from cartograd.engine.loop import circumstances
from cartograd.engine.loop.config import FREE, RunConfig
from cartograd.engine.loop.described import described, digest
from cartograd.engine.loop.fit import fit
from cartograd.engine.loop.options import FitOptions
from tests.engine.checkpoint.test_chains import Stopping
from tests.engine.checkpoint.test_resume import assert_same, ends
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import mlp, quadrants

pytestmark = pytest.mark.untyped


class Weighted(Supervised):
    """With settings of each kind that an objective may have."""

    def __init__(self, model=None, *, scale=1.0, loss=nn.functional.cross_entropy, kept=1.0):
        super().__init__(model or mlp(2, 8, 2, dropout=0.2))
        self.scale, self.loss = scale, loss
        self.register_buffer("unkept", torch.tensor([kept]), persistent=False)


def frozen():
    model = mlp(2, 8, 2, dropout=0.2)
    model[0].weight.requires_grad_(False)
    return model


def activated():
    model = mlp(2, 8, 2, dropout=0.2)
    model[1] = nn.GELU()
    return model


def loader(*, seed=0, rows=64, size=8, workers=0):
    data = TensorDataset(*quadrants(rows, seed=seed))
    return DataLoader(data, batch_size=size, shuffle=True, num_workers=workers)


def valid(seed=2):
    return DataLoader(TensorDataset(*quadrants(24, seed=seed)), batch_size=12)


def begun(folder, *, objective=None, batches=None, validate=None, stop=None, **more):
    objective = objective or Weighted()
    given = {"epochs": 2, "folder": folder, "validate": validate or valid()} | more
    stopping = [] if stop is None else [Stopping(stop)]
    return objective, fit(objective, batches or loader(), callbacks=stopping, **given)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "stopped"
    run = begun(folder, stop=5)[1]
    assert run.stopped == "interrupted"
    return folder


CASES = [
    ({"objective": Weighted(mlp(2, 8, 2, dropout=0.3))}, r"objective model.2: Dropout\(p=0.2"),
    ({"objective": Weighted(activated())}, r"objective model.1: ReLU\(.*GELU"),
    ({"objective": Weighted(frozen())}, "objective model.0: .*weight=fixed"),
    ({"objective": Weighted(scale=2.0)}, "objective: Weighted.*scale=1.0.*scale=2.0"),
    ({"objective": Weighted(loss=nn.functional.mse_loss)}, "cross_entropy.*mse_loss"),
    ({"objective": Weighted(loss=lambda x: x)}, "cross_entropy.*lambda"),
    ({"objective": Weighted(kept=2.0)}, "unkept=torch.float32"),
    ({"objective": Supervised(mlp(2, 8, 2, dropout=0.2))}, "Weighted.*Supervised"),
    ({"batches": loader(size=16)}, "batches=8 and this run has batches=4"),
    ({"batches": loader(seed=1)}, "training data dataset.*digest"),
    ({"batches": loader(rows=63)}, "training data dataset"),
    ({"batches": [*zip(*(t.split(8) for t in quadrants(64)), strict=True)]}, "training data: Data"),
    ({"validate": valid(seed=3)}, "validation data dataset"),
    ({"monitor": "train/loss"}, "monitor='min:valid/loss' and this run has monitor='min:train"),
    ({"patience": 3}, "patience=None and this run has patience=3"),
    ({"deterministic": True}, "deterministic=False"),
    ({"optimizer": "sgd"}, "optimizer="),
    ({"schedule": "cosine"}, "schedule="),
    ({"precision": "float32", "layer_decay": 0.9}, "layer_decay="),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), CASES)
def test_what_differs_is_refused_by_name(given, message, stopped):
    before = {file: file.read_bytes() for file in stopped.rglob("*") if file.is_file()}
    with pytest.raises(UsageError, match=message):
        begun(stopped, resume=True, **given)
    assert before == {file: file.read_bytes() for file in stopped.rglob("*") if file.is_file()}


@pytest.mark.parametrize("name", ["device", "processor", "vector instructions"])
def test_another_machine_is_refused(name, stopped, monkeypatch):
    here = circumstances.machine(torch.device("cpu"))
    monkeypatch.setattr(circumstances, "machine", lambda _: here | {name: "another one"})
    with pytest.raises(UsageError, match=f"machine {name}: .* and this run has another one.*exact"):
        begun(stopped, resume=True)


def test_every_option_is_compared_or_free():
    compared = {item.name for item in fields(RunConfig)} | {"parallel"}  # with the machine
    assert {item.name for item in fields(FitOptions)} == (compared | set(FREE)) & {
        item.name for item in fields(FitOptions)
    }
    assert not compared & set(FREE)


def test_what_may_differ_changes_no_bit_and_is_recorded(tmp_path):
    expected = ends(*begun(tmp_path / "whole", batches=loader(workers=2)))
    begun(tmp_path / "run", stop=5)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        other = {"save_every": 3, "keep": "last=3", "device": "cpu"}
        found = ends(*begun(tmp_path / "run", resume=True, **other))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    for parts in (expected["parts"], found["parts"]):
        parts.pop("callbacks")
    assert_same(expected, found)
    values, origins = run_folder.read_config(tmp_path / "run")
    assert {key: values[key] for key in other} == other
    assert origins["save_every"] == "flag"
    events = run_folder.read_lines(tmp_path / "run" / "events.jsonl")
    [line] = [line for line in events if line["event"] == "resumed"]
    assert line["changed"] == {key: [None, value] for key, value in other.items()}
    assert (line["step"], line["threads"], line["device"]) == (5, 1, "cpu")
    assert line["torch"] == torch.__version__


def test_products_stay_with_the_library_that_they_began_with(tmp_path, monkeypatch):
    went = []

    def noted(*args):
        went.append(len(args))
        return nn.functional.linear(*args)

    monkeypatch.setattr(onednn_linear, "_onednn", noted)
    monkeypatch.setattr(onednn_linear, "exact", lambda: True)
    monkeypatch.setattr(onednn_linear, "LARGE", 1)
    monkeypatch.setattr(onednn_linear, "WEIGHTS", 1)
    counts = []
    for name, first, then in (("ours", True, False), ("torchs", False, True)):
        monkeypatch.setattr(onednn_linear, "learns_faster", lambda _, taken=first: taken)
        begun(tmp_path / name, stop=5, device="cpu", precision="float32")
        monkeypatch.setattr(onednn_linear, "learns_faster", lambda _, taken=then: taken)
        before = len(went)
        begun(tmp_path / name, resume=True, device="cpu", precision="float32")
        counts.append((before, len(went) - before))
        went.clear()
    assert counts[0][0] > 0
    assert counts[0][1] > 0
    assert counts[1] == (0, 0)


def test_with_exact_false_it_goes_on_with_a_warning(tmp_path):
    begun(tmp_path, stop=5)
    with pytest.warns(UserWarning, match="scale=2.0.*does not go on bit for bit"):
        run = begun(tmp_path, objective=Weighted(scale=2.0), resume=True, exact=False)[1]
    assert run.steps == 16
    assert run_folder.read_config(tmp_path)[0]["exact"] is False


def test_a_run_from_before_all_this_was_kept_goes_on(tmp_path):
    begun(tmp_path, stop=5)
    found = storage.load(tmp_path / "checkpoints")
    later = ("monitor", "patience", "nonfinite", "recompute", "compile")
    plan = {key: value for key, value in found.parts["plan"].items() if key not in later}
    parts = {key: value for key, value in found.parts.items() if key != "circumstances"}
    storage.save(tmp_path / "checkpoints", found.step, parts | {"plan": plan})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert begun(tmp_path, resume=True)[1].steps == 16


def test_a_run_without_a_checkpoint_begins_anew_and_says_as_what(tmp_path):
    folder = run_folder.RunFolder(tmp_path)
    folder.event("started", step=0)
    folder.close()
    run_folder.write_config(tmp_path, {"seed": 3}, {"seed": "fit"})
    begun(tmp_path, resume=True, seed=4)
    assert run_folder.read_config(tmp_path)[0]["seed"] == 4


def test_what_is_shared_or_deep_is_described_once():
    shared = {"a": 1}
    shared["self"] = shared
    assert described({"x": shared, "y": shared}) == {"x": "(a=1)"}
    assert described(list(range(100)))[""].startswith("100 of digest")


class Lazy:
    """As a library that is imported when something of it is asked for, and is not there."""

    def __init__(self):
        self.name = "tensorflow"

    def __getattr__(self, key):
        raise ImportError(f"this needs {key} of a package that is not installed")


def test_what_fails_where_it_is_asked_for_more_is_described_all_the_same():
    assert described(Lazy())[""] == "Lazy(name=tensorflow)"
    assert digest([Lazy()]) == digest([Lazy()])
