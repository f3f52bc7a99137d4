"""Callbacks: what they see, how they stop a run, and what a resume says of them."""

import json

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.engine.logging import run_folder
from cartograd.engine.loop.announcer import Announcer
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


class Around:
    """What comes beside the steps."""

    def __init__(self):
        self.seen = []

    def on_start(self, view):
        self.seen.append(("start", view.step, view.epochs, view.batches, view.config["seed"]))

    def on_report(self, view):
        assert view.losses["train/loss"] > 0
        self.seen.append(("report", view.step, [(x["at"], x["step"]) for x in view.lines]))

    def on_close(self, view):
        self.seen.append(("close", view.step, view.ended))


def test_start_reports_and_close(tmp_path):
    around = Around()
    run(callbacks=[around], log_every=2, folder=tmp_path / "run", epochs=1, seed=3)
    lines = [line for what, _, lines in around.seen[1:-1] for line in lines if what == "report"]
    assert around.seen[0] == ("start", 0, 1, 5, 3)
    assert lines == [("step", 2), ("step", 4), ("step", 5), ("epoch", 5)]
    assert around.seen[-1] == ("close", 5, "finished")
    again = Around()
    run(callbacks=[again], log_every=2, folder=tmp_path / "run", epochs=2, seed=3, resume=True)
    assert again.seen[0] == ("start", 5, 2, 5, 3)


def test_the_last_call_knows_where_the_run_is():
    class Last:
        def on_close(self, view):
            self.seen = view.step, len(view.records), view.ended

    last = Last()
    run(callbacks=[last])
    assert last.seen == (10, 2, "finished")


def test_those_that_were_started_are_closed_whatever_happens():
    class Broken:
        def on_start(self, _):
            raise KeyError("x")

    first, last = Around(), Around()
    with pytest.raises(KeyError):
        run(callbacks=[first, Broken(), last])
    assert first.seen[-1] == ("close", 0, "failed")
    assert last.seen == []


def test_nobody_who_listens_to_steps_is_called_at_steps(monkeypatch):
    """The cost of a step: callbacks without `on_step` are not asked."""
    asked = []
    monkeypatch.setattr(Announcer, "_place", lambda announcer: asked.append(announcer.view.step))
    run(callbacks=[Pushing()], epochs=1, validate=None)
    assert asked == [0, 0, 0]  # at the start, at the end of the epoch, and at the end


class Enough:
    def on_step(self, view):
        if view.step == 7:
            view.stop()


def test_a_callback_stops_the_run_within_an_epoch(tmp_path):
    done = run(epochs=9, callbacks=Enough(), folder=tmp_path / "run")
    assert (done.steps, done.stopped, len(done.history)) == (7, "callback", 2)
    last = run_folder.read_lines(tmp_path / "run" / "events.jsonl")[-1]
    assert (last["event"], last["stopped"]) == ("finished", "callback")


class Saved:
    """Stops at the first moment of some kind."""

    def __init__(self, moment):
        setattr(self, moment, lambda view: view.stop())


@pytest.mark.parametrize(
    ("moment", "steps", "epochs"),
    [("on_step", 1, 1), ("on_report", 1, 1), ("on_save", 3, 1), ("on_validate", 5, 1)],
)
def test_any_moment_may_stop_the_run_and_it_ends_at_once(tmp_path, moment, steps, epochs):
    folder = tmp_path / "run"
    done = run(epochs=9, callbacks=Saved(moment), folder=folder, save_every=3)
    assert (done.steps, done.stopped, len(done.history)) == (steps, "callback", epochs)
    again = run(epochs=9, folder=folder, save_every=3, resume=True)
    assert (again.steps, again.stopped) == (steps, "callback")


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
    with pytest.raises(
        UsageError, match="dict is no callback: expected an object with some of the methods on"
    ):
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
