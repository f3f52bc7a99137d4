"""Callbacks: what they see, how they stop a run, and what a resume says of them."""

import json

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.engine.logging import run_folder
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants

X, Y = quadrants(100)


def run(*, epochs=2, model=None, **given):
    model = model or mlp(2, 4, 2)
    options = {"optimizer": "sgd:lr=0.1", "validate": Toy(X, Y), "epochs": epochs}
    return fit(Supervised(model), Toy(X, Y, batch_size=20), **options | given)


def weights(done):
    return torch.cat([p.detach().flatten() for p in done.model.parameters()])


class Notes:
    def __init__(self):
        self.seen = []

    def on_step(self, view):
        self.seen.append(("step", view.step, view.epoch, len(view.records)))

    def on_validate(self, view):
        self.seen.append(("validate", view.step, view.epoch, view.records[-1]["valid/loss"] > 0))

    def on_epoch(self, view):
        self.seen.append(("epoch", view.step, view.epoch, len(view.records)))

    def on_save(self, view):
        self.seen.append(("save", view.step, view.epoch, len(view.records)))

    def on_end(self, view):
        self.seen.append(("end", view.step, view.epoch, len(view.records)))


def test_what_is_called_when_and_that_looking_changes_nothing(tmp_path):
    notes = Notes()
    done = run(callbacks=[notes], folder=tmp_path / "run")
    wanted = [("step", i, 1, 0) for i in range(1, 6)]
    wanted += [("validate", 5, 1, True), ("epoch", 5, 1, 1)]
    wanted += [("step", i, 2, 1) for i in range(6, 11)]
    wanted += [
        ("validate", 10, 2, True),
        ("epoch", 10, 2, 2),
        ("save", 10, 3, 2),
        ("end", 10, 3, 2),
    ]
    assert notes.seen == wanted
    assert torch.equal(weights(done), weights(run()))
    events = run_folder.read_lines(tmp_path / "run" / "events.jsonl")
    assert "changed" not in [line["event"] for line in events]


class Enough:
    def on_step(self, view):
        if view.step == 7:
            view.stop()


def test_a_callback_stops_the_run_within_an_epoch(tmp_path):
    done = run(epochs=9, callbacks=Enough(), folder=tmp_path / "run")
    assert (done.steps, done.stopped, len(done.history)) == (7, "callback", 2)
    last = run_folder.read_lines(tmp_path / "run" / "events.jsonl")[-1]
    assert (last["event"], last["stopped"]) == ("finished", "callback")


class Slower:
    """Cuts the rate, and remembers how often."""

    def __init__(self):
        self.times = 0

    def on_epoch(self, view):
        self.times += 1
        for group in view.optimizers["model"].param_groups:
            group["lr"] = 0.1 / (1 + self.times)


class Remembering(Slower):
    def state_dict(self):
        return {"times": self.times}

    def load_state_dict(self, state):
        self.times = state["times"]


class Pushing:
    def on_epoch(self, view):
        with torch.no_grad():
            view.model[0].weight.data.mul_(0.9)  # unseen by torch's own count of changes


@pytest.mark.parametrize(("made", "what"), [(Slower, "optimizer"), (Pushing, "weights")])
def test_what_a_callback_changes_is_noted_and_refused_at_an_exact_resume(tmp_path, made, what):
    folder = tmp_path / "run"
    run(callbacks=[made()], folder=folder)
    events = run_folder.read_lines(folder / "events.jsonl")
    changed = [line for line in events if line["event"] == "changed"]
    assert [(line["by"], line["what"]) for line in changed] == [(f"0 {made.__name__}", what)]
    for again in ([made()], ()):
        with pytest.raises(UsageError, match="would not go on bit for bit"):
            run(epochs=4, callbacks=again, folder=folder, resume=True)
    with pytest.warns(UserWarning, match="does not go on bit for bit"):
        run(epochs=4, callbacks=[made()], folder=folder, resume=True, exact=False)


def test_a_callback_with_a_state_resumes_bit_for_bit(tmp_path):
    whole, last = Remembering(), Remembering()
    wanted = run(epochs=4, callbacks=[whole], monitor="train/loss")
    folder = tmp_path / "run"
    run(epochs=2, callbacks=[Remembering()], folder=folder, monitor="train/loss")
    done = run(epochs=4, callbacks=[last], folder=folder, resume=True, monitor="train/loss")
    assert last.times == whole.times == 4
    assert torch.equal(weights(done), weights(wanted))


def test_a_callback_that_only_looked_resumes_with_a_line(tmp_path):
    folder = tmp_path / "run"
    run(callbacks=[Notes()], folder=folder)
    done = run(epochs=4, callbacks=[Notes()], folder=folder, resume=True)
    told = [x for x in run_folder.read_lines(folder / "events.jsonl") if x["event"] == "callbacks"]
    assert [line["told"] for line in told] == ["exact as long as 0 Notes changes nothing"]
    assert torch.equal(weights(done), weights(run(epochs=4)))


def test_no_callback():
    with pytest.raises(UsageError, match="dict is no callback: it has none of the methods on_step"):
        run(callbacks=[{}])


FAKE = """
import json, os
class Run:
    def __init__(self, given):
        self.id = given["id"] or "one"
        self.file = os.environ["FAKE_WANDB"]
        self.put(["init", given["name"], self.id, given["config"]["seed"]])
    def put(self, line):
        with open(self.file, "a") as file:
            file.write(json.dumps(line) + chr(10))
    def log(self, values, step):
        self.put(["log", step, values])
    def finish(self):
        self.put(["finish"])
def init(**given):
    return Run(given)
"""


def test_wandb_gets_each_point_once(tmp_path, monkeypatch):
    place = tmp_path / "packages"
    place.mkdir()
    (place / "wandb.py").write_text(FAKE)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("FAKE_WANDB", str(tmp_path / "sent"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder = tmp_path / "run"
    run(sinks="wandb", folder=folder)
    run(epochs=3, sinks="wandb", folder=folder, resume=True)
    sent = [json.loads(line) for line in (tmp_path / "sent").read_text().splitlines()]
    assert [x[1:3] for x in sent if x[0] == "init"] == [["run", "one"]] * 2
    epochs = [x[1] for x in sent if x[0] == "log" and "valid/loss" in x[2]]
    points = [x[1] for x in sent if x[0] == "log" and "steps/train/loss" in x[2]]
    assert epochs == [5, 10, 15]
    assert points == list(range(1, 16))
    assert [x[0] for x in sent].count("finish") == 2
