import json
import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from cartograd.core.errors import UsageError
from cartograd.core.protocols import Loss
from cartograd.engine.device import device
from cartograd.engine.logging import run_folder
from cartograd.engine.logging.metric_logger import NonFiniteError
from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


def accuracy(outputs, targets):
    return float((outputs.argmax(-1) == targets).float().mean())


class TwoPlayers(nn.Module):
    """Each loss depends on both players' parameters; the order of the yields is noted."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(2, 1), nn.Linear(2, 1)
        self.players = {"left": self.left, "right": self.right}
        self.seen = []

    def losses(self, batch):
        for player in ("left", "right", "left"):
            before = {name: module.weight.clone() for name, module in self.players.items()}
            yield Loss((self.left(batch[0]) * self.right(batch[0]))[:, 0], player)
            moved = [n for n, m in self.players.items() if not torch.equal(before[n], m.weight)]
            kept = [n for n, m in self.players.items() if m.weight.grad is not None]
            self.seen.append((player, moved, kept))


def test_each_player_gets_its_own_gradient_only_and_steps_at_its_own_losses():
    objective = TwoPlayers()
    fit(objective, [(torch.randn(8, 2),)] * 2, optimizers="sgd:lr=0.1", epochs=1)
    assert objective.seen == [("left", ["left"], []), ("right", ["right"], []),
                              ("left", ["left"], [])] * 2  # fmt: skip


def test_each_player_has_its_own_optimizer():
    objective = TwoPlayers()
    still = objective.right.weight.clone()
    rates = {"left": "sgd:lr=0.1", "right": "adam:lr=0"}
    run = fit(objective, [(torch.randn(8, 2),)], optimizers=rates, epochs=2)
    assert torch.equal(still, objective.right.weight)
    assert (run.history[0]["lr/left"], run.history[0]["lr/right"]) == (0.1, 0)
    assert run.model is None


def test_a_step_equals_a_hand_written_loop():
    """Float64, 1e-12: the same batches by hand, with the mean loss, clipping and a schedule."""
    x, y = quadrants(90)
    data = Toy(x.double(), y, batch_size=20)
    model, other = mlp(2, 8, 2).double(), mlp(2, 8, 2).double()
    fit(
        Supervised(model), data, optimizers="adamw:lr=0.05", schedules="cosine", clip=0.1, epochs=3,
        seed=7, decay="all",
    )  # fmt: skip
    theirs = torch.optim.AdamW(other.parameters(), lr=0.05)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 15)
    for epoch in range(3):
        for a, b in data.epoch(epoch, seed=7):
            nn.functional.cross_entropy(other(a), b).backward()
            nn.utils.clip_grad_norm_(other.parameters(), 0.1)
            theirs.step()
            theirs.zero_grad()
            cosine.step()
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)


def test_history_holds_exact_means():
    """The last batch is smaller; each example weighs the same all the same."""
    x, y = quadrants(50)
    model = mlp(2, 8, 2)
    run = fit(
        Supervised(model), Toy(x, y, batch_size=16), optimizers="sgd:lr=0", epochs=2,
        validate=Toy(x, y, batch_size=7), metrics={"accuracy": accuracy},
    )  # fmt: skip
    loss = float(nn.functional.cross_entropy(model(x), y).detach())
    right = accuracy(model(x), y)
    for number, record in enumerate(run.history, start=1):
        assert record["step"] == 4 * number
        assert record["epoch"] == number
        assert record["lr"] == 0
        assert record["seconds"] > 0
        assert record["train/loss"] == pytest.approx(loss, abs=1e-6)
        assert record["valid/loss"] == pytest.approx(loss, abs=1e-6)
        assert record["train/accuracy"] == pytest.approx(right)
        assert record["valid/accuracy"] == pytest.approx(right)
    assert run.steps == 8


class Scripted(nn.Module):
    """A model of one number that falls by one each step, and whose validation loss is scripted."""

    def __init__(self, valid):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.players = {"model": self}
        self.valid, self.place = valid, 0

    def losses(self, batch):
        yield Loss(self.weight.expand(len(batch[0])))

    def validate(self, batch):
        self.place += 1
        return {"loss": torch.tensor(self.valid[self.place - 1]).expand(len(batch[0]))}


def scripted(valid, **options):
    objective = Scripted(valid)
    batch = [(torch.zeros(4),)]
    run = fit(objective, batch, optimizers="sgd:lr=1", validate=batch, **options)
    return run, -round(float(objective.weight.detach()))


def test_early_stopping_puts_the_best_weights_back():
    run, steps = scripted([5.0, 4.0, 3.0, 3.5, 3.2, 1.0], epochs=6, patience=2)
    assert run.stopped == "early"
    assert (len(run.history), run.best["epoch"], run.best["valid/loss"], steps) == (5, 3, 3.0, 3)


@pytest.mark.parametrize("patience", [None, 0])
def test_without_patience_all_epochs_run_and_the_best_comes_back(patience):
    run, steps = scripted([5.0, 2.0, 3.0, 4.0], epochs=4, patience=patience)
    assert (run.stopped, len(run.history), run.best["epoch"], steps) == (None, 4, 2, 2)


@pytest.mark.place("regularize/early-stopping")
def test_min_delta_and_direction():
    run, _ = scripted([5.0, 4.9, 4.8, 4.0], epochs=4, min_delta=0.5)
    assert run.best["epoch"] == 4
    run, _ = scripted([5.0, 4.0, 6.0, 1.0], epochs=4, monitor="max:valid/loss")
    assert run.best["epoch"] == 3
    run, _ = scripted([math.nan, 4.0, math.nan, 5.0], epochs=4)
    assert run.best["epoch"] == 2


def test_accuracy_is_better_when_higher():
    x, y = quadrants(200)
    run = fit(
        Supervised(mlp(2, 16, 2)), Toy(x, y), validate=Toy(x, y), optimizers="adam:lr=0.05",
        metrics={"accuracy": accuracy}, monitor="valid/accuracy", epochs=5,
    )  # fmt: skip
    values = [record["valid/accuracy"] for record in run.history]
    assert run.best["valid/accuracy"] == max(values)


def test_outputs_given_by_the_objective_are_not_computed_again():
    class Sparing(Supervised):
        def validate(self, batch):
            x, y = batch
            logits = self.model(x)
            calls.append(len(x))
            loss = nn.functional.cross_entropy(logits, y, reduction="none")
            return {"loss": loss, "outputs": logits}

    x, y = quadrants(30)
    calls = []
    model = mlp(2, 4, 2)
    model.register_forward_hook(lambda *_: calls.append("forward"))
    run = fit(
        Sparing(model), Toy(x, y, batch_size=30), epochs=1, optimizers="sgd:lr=0",
        validate=Toy(x, y, batch_size=10), metrics={"accuracy": accuracy},
    )  # fmt: skip
    rehearsed = ["forward", "forward", 10]
    assert calls == rehearsed + ["forward"] + ["forward", 10] * 3
    assert run.history[0]["valid/accuracy"] == pytest.approx(run.history[0]["train/accuracy"])


@pytest.mark.parametrize("form", ["list", "lists", "loader", "reiterable"])
def test_any_iterable_of_batches_will_do(form):
    x, y = quadrants(64)

    class Reiterable:
        def __iter__(self):
            yield from zip(x.split(16), y.split(16), strict=True)

    source = {
        "list": list(zip(x.split(16), y.split(16), strict=True)),
        "lists": [list(pair) for pair in zip(x.split(16), y.split(16), strict=True)],
        "loader": DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True),
        "reiterable": Reiterable(),
    }[form]
    model = mlp(2, 4, 2)
    run = fit(Supervised(model), source, epochs=3, validate=source)
    assert run.steps == 12
    assert collect(model, source)[0].shape == (64, 2)
    again = mlp(2, 4, 2)
    fit(Supervised(again), source, epochs=3, validate=source)
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_lone_tensor_and_a_dictionary_are_batches_too():
    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.center = nn.Parameter(torch.zeros(2))
            self.players = {"model": self}

        def losses(self, batch):
            x = batch["x"] if isinstance(batch, dict) else batch[0]
            yield Loss((x - self.center).square().sum(-1))

    x = torch.randn(40, 2) + 3
    for source in ([x], [{"x": x}]):
        objective = Mean()
        fit(objective, source, optimizers="sgd:lr=0.25", epochs=40)
        torch.testing.assert_close(objective.center.detach(), x.mean(0))


def test_an_objective_need_not_be_a_module(tmp_path):
    class Plain:
        def __init__(self, model):
            self.players = {"model": model}

        def losses(self, batch):
            x, y = batch
            yield Loss(nn.functional.cross_entropy(self.players["model"](x), y))

    x, y = quadrants(60)
    model = mlp(2, 16, 2)
    options = {"optimizers": "adam:lr=0.02", "folder": tmp_path / "run"}
    fit(Plain(model), Toy(x, y), epochs=2, **options)
    other = mlp(2, 16, 2, seed=3)
    fit(Plain(other), Toy(x, y), epochs=2, resume=True, **options)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_random_state_and_modes_are_left_as_they_were():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model = mlp(2, 4, 2, dropout=0.5)
    model[2].eval()
    fit(Supervised(model), Toy(*quadrants(20)), epochs=1, validate=Toy(*quadrants(20)))
    assert torch.equal(torch.rand(3), expected)
    assert [part.training for part in model] == [True, True, False, True]


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    def weights(seed):
        model = mlp(2, 16, 2, dropout=0.5)
        fit(Supervised(model), Toy(*quadrants(50)), epochs=2, seed=seed)
        return model[0].weight.detach()

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_validation_sees_the_same_noise_at_each_pass():
    class Noisy(Supervised):
        def validate(self, batch):
            return {"loss": torch.rand(len(batch[0]))}

    x, y = quadrants(20)
    run = fit(Noisy(mlp(2, 4, 2)), Toy(x, y), epochs=3, validate=Toy(x, y))
    assert len({record["valid/loss"] for record in run.history}) == 1


def test_unequal_microbatches_are_refused():
    class Fickle(Supervised):
        def losses(self, batch):
            for _ in range(1 + (len(batch[0]) > 1)):
                yield from super().losses(batch)

    x, y = quadrants(3)
    parts = list(zip(x.split(2), y.split(2), strict=True))
    with pytest.raises(UsageError, match="another number of losses"):
        fit(Fickle(mlp(2, 4, 2)), parts, accumulate=2, epochs=1)


def test_uneven_microbatches_differ_from_a_mean_of_means():
    """The check has teeth: averaging the means of parts of 1 and 9 gives another step."""
    x, y = quadrants(10)
    ends = {}
    for name, parts in {"whole": [10], "parts": [1, 9]}.items():
        model = mlp(2, 8, 2)
        data = list(zip(x.split(parts), y.split(parts), strict=True))
        fit(Supervised(model), data, optimizers="sgd:lr=1", accumulate=len(parts), epochs=1)
        ends[name] = model[0].weight.detach()
    model = mlp(2, 8, 2)
    losses = [nn.functional.cross_entropy(model(x[a:b]), y[a:b]) for a, b in ((0, 1), (1, 10))]
    (sum(losses) / 2).backward()
    naive = (model[0].weight - model[0].weight.grad).detach()
    torch.testing.assert_close(ends["whole"], ends["parts"])
    assert (naive - ends["whole"]).abs().max() > 1e-3


def test_masked_microbatches_equal_the_full_batch():
    """A loss over the unmasked numbers only: each of them weighs the same, one part has none."""

    class Masked(Supervised):
        def losses(self, batch):
            x, y, keep = batch
            loss = nn.functional.cross_entropy(self.model(x), y, reduction="none")
            yield Loss(loss[keep])

    x, y = quadrants(12)
    keep = torch.tensor([True, False, True, True] + [False] * 4 + [True] * 4)
    ends = []
    for parts in ([12], [4, 4, 4]):
        model = mlp(2, 8, 2).double()
        data = list(zip(*(t.split(parts) for t in (x.double(), y, keep)), strict=True))
        fit(Masked(model), data, optimizers="sgd:lr=1", accumulate=len(parts), epochs=2)
        ends.append(model[0].weight.detach())
    torch.testing.assert_close(*ends, atol=1e-12, rtol=0)


@pytest.mark.parametrize("kind", ["loss", "weight"])
def test_numbers_that_are_not_finite_stop_the_run(kind, tmp_path):
    class Breaking(Supervised):
        steps = 0

        def losses(self, batch):
            self.steps += 1
            for loss in super().losses(batch):
                broken = self.steps == 7 and kind == "loss"
                yield Loss(loss.value * math.nan if broken else loss.value)

        def after_step(self, player):
            if self.steps == 7 and kind == "weight":
                self.model[0].weight.data[0, 0] = math.inf

    x, y = quadrants(40)
    objective = Breaking(mlp(2, 4, 2))
    with pytest.raises(NonFiniteError, match=r"step 7.*lower the learning rate.*step 6") as caught:
        fit(objective, Toy(x, y, batch_size=10), epochs=5, folder=tmp_path / "run", save_every=1)
    assert caught.value.step == 7
    assert isinstance(caught.value, UsageError)
    events = run_folder.read_lines(tmp_path / "run" / "events.jsonl")
    assert events[-1]["event"] == "failed"


def test_bf16_computes_in_bf16_and_keeps_float32_weights(monkeypatch):
    seen = []

    class Looking(Supervised):
        def losses(self, batch):
            seen.append(self.model(batch[0]).dtype)
            yield from super().losses(batch)

    monkeypatch.setattr(device, "fast_bf16", lambda _: True)  # one that has none imitates it
    x, y = quadrants(200)
    model = mlp(2, 32, 2)
    options = {"optimizers": "adam:lr=0.02", "precision": "bf16", "epochs": 10}
    run = fit(
        Looking(model), Toy(x, y), validate=Toy(x, y), metrics={"accuracy": accuracy}, **options
    )
    assert set(seen) == {torch.bfloat16}
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert run.best["valid/accuracy"] > 0.9


def test_every_step_can_have_a_line(tmp_path):
    x, y = quadrants(20)
    options = {"epochs": 2, "folder": tmp_path / "run", "log_every": 1}
    run = fit(Supervised(mlp(2, 4, 2)), Toy(x, y, batch_size=4), **options)
    lines = run_folder.read_lines(run.folder / "metrics.jsonl")
    points = [line for line in lines if line["at"] == "step"]
    assert [point["step"] for point in points] == list(range(1, 11))
    with pytest.raises(UsageError, match="log_every"):
        fit(Supervised(mlp(2, 4, 2)), Toy(x, y), **options | {"log_every": 0, "folder": None})


def test_metrics_and_events_of_a_run(tmp_path):
    x, y = quadrants(100)
    run = fit(
        Supervised(mlp(2, 4, 2)), Toy(x, y, batch_size=1), epochs=2, validate=Toy(x, y),
        folder=tmp_path / "run", optimizers="sgd:lr=0.1",
    )  # fmt: skip
    assert run.folder == tmp_path / "run"
    lines = run_folder.read_lines(run.folder / "metrics.jsonl")
    points = [line for line in lines if line["at"] == "step"]
    assert [point["step"] for point in points] == list(range(2, 201, 2))
    epochs = [line for line in lines if line["at"] == "epoch"]
    assert [line["step"] for line in epochs] == [100, 200]
    first = [point["train/loss"] for point in points if point["step"] <= 100]
    assert sum(first) / 50 == pytest.approx(epochs[0]["train/loss"])
    for line, record in zip(epochs, run.history, strict=True):
        assert line == {"at": "epoch"} | {k: v for k, v in record.items() if k != "seconds"}
    events = [line["event"] for line in run_folder.read_lines(run.folder / "events.jsonl")]
    assert events == ["started", "epoch", "epoch", "checkpoint", "finished"]
    values, origins = run_folder.read_config(run.folder)
    assert values["optimizer"] == {"model": "sgd:lr=0.1"}
    assert origins["epochs"] == "fit"


def test_metrics_files_of_equal_runs_are_equal_bytes(tmp_path):
    texts = []
    for name in "ab":
        model = mlp(2, 4, 2, dropout=0.5)
        fit(Supervised(model), Toy(*quadrants(64)), epochs=2, folder=tmp_path / name)
        texts.append((tmp_path / name / "metrics.jsonl").read_bytes())
    assert texts[0] == texts[1]


WRONG = {
    "epochs=0": ({"epochs": 0}, "epochs=0 is out of range; expected at least 1"),
    "epochs=true": ({"epochs": True}, "wrong type"),
    "clip": ({"clip": 0.0}, "clip=0.0 is out of range; expected above 0"),
    "clip below": ({"clip": -1}, "clip=-1 is out of range; expected above 0"),
    "clip word": ({"clip": "nrm:max=1"}, "unknown way to clip 'nrm'; did you mean 'norm'"),
    "clip max": ({"clip": "value:max=-1"}, "max=-1 is out of range; expected above 0"),
    "clip key": ({"clip": "norm:maxx=1"}, "did you mean 'max'"),
    "accumulate": ({"accumulate": 9}, "accumulate=9 is more than the 4 batches"),
    "patience": ({"patience": 2}, "patience needs a number to watch"),
    "monitor": ({"monitor": "accuracy"}, "not a number of the history"),
    "monitor, no data": ({"monitor": "valid/loss"}, "needs validation data"),
    "average": ({"average": "emma"}, "unknown average 'emma'; did you mean 'ema'"),
    "decay": ({"average": "ema:decay=1"}, "decay=1 is out of range; expected below 1"),
    "blocks": ({"recompute": "layers.0"}, "unknown block to recompute 'layers.0'"),
    "device": ({"device": "gpu"}, "unknown device 'gpu'"),
    "precision": ({"precision": "bf61"}, "unknown precision 'bf61'; did you mean 'bf16'"),
    "fp16": ({"precision": "fp16"}, "is for GPUs.*use 'bf16' or 'float32'"),
    "optimizer": ({"optimizers": "adamm"}, "unknown optimizer"),
    "player": ({"optimizers": {"models": "adam"}}, "unknown player in optimizer 'models'"),
    "no optimizer": ({"optimizers": {}}, "optimizer has none for player 'model'"),
    "schedule": ({"schedules": "cosin"}, "unknown schedule"),
    "plateau": ({"schedules": "plateau"}, "plateau follows the monitored number"),
    "seed": ({"seed": -1}, "seed=-1 is out of range"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_one_line_and_nothing_is_written(case, tmp_path):
    options, message = WRONG[case]
    with pytest.raises(UsageError, match=message) as caught:
        fit(
            Supervised(mlp(2, 4, 2)), Toy(*quadrants(40), batch_size=10),
            folder=tmp_path / "run", **options,
        )  # fmt: skip
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.untyped
def test_wrong_objectives_and_data():
    x, y = quadrants(8)
    good = Supervised(mlp(2, 4, 2))
    with pytest.raises(UsageError, match="spent after one epoch"):
        fit(good, iter([(x, y)]))
    with pytest.raises(UsageError, match="there are no batches"):
        fit(good, [])
    with pytest.raises(
        UsageError, match=r"unknown number to monitor 'valid/accurate'.*'valid/accuracy'"
    ):
        fit(good, Toy(x, y), validate=Toy(x, y), monitor="max:valid/accurate", epochs=1)
    with pytest.raises(UsageError, match="metrics need a player called 'model'"):
        fit(TwoPlayers(), [(x,)], validate=[(x,)], metrics={"accuracy": accuracy})
    with pytest.raises(UsageError, match=r"metrics need batches of the form"):
        fit(Scripted([1.0]), [(x,)], validate=[(x,)], metrics={"accuracy": accuracy}, epochs=1)


@pytest.mark.untyped
def test_wrong_types():
    x, y = quadrants(8)
    good = Supervised(mlp(2, 4, 2))
    with pytest.raises(UsageError, match="Linear is no objective"):
        fit(nn.Linear(2, 2), Toy(x, y))
    with pytest.raises(
        UsageError, match="epochs='3' is of the wrong type; expected a whole number"
    ):
        fit(good, Toy(x, y), epochs="3")
    with pytest.raises(UsageError, match="int is no progress, which is True, False or a callback"):
        fit(good, Toy(x, y), progress=3)
    with pytest.raises(UsageError, match="expected batches, got int"):
        fit(good, 3)


class Yields(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.model = nn.Linear(2, 1)
        self.players = {"model": self.model}
        self.make = make

    def losses(self, batch):
        yield self.make(self.model, batch[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m, x: Loss(m(x), "modl"), "unknown player yielded by the objective 'modl'"),
        (lambda m, x: Loss(m(x).detach()), "does not depend on its parameters"),
        (lambda m, x: Loss(nn.Linear(2, 1)(x)), "reaches none of its parameters"),
    ],
)
def test_losses_of_no_use_are_told(make, message):
    with pytest.raises(UsageError, match=message):
        fit(Yields(make), [(torch.randn(4, 2),)], epochs=1)


def test_losses_that_differentiate_need_gradients_in_validation():
    def slope(model, x):
        x = x.requires_grad_()
        (gradient,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        return Loss(gradient.square().sum(-1))

    batch = [(torch.randn(4, 2),)]
    with pytest.raises(UsageError, match=r"torch.enable_grad\(\), or give it validate"):
        fit(Yields(slope), batch, validate=batch, epochs=1)


def test_a_folder_with_a_run_is_refused(tmp_path):
    x, y = quadrants(8)
    fit(Supervised(mlp(2, 4, 2)), Toy(x, y), epochs=1, folder=tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(UsageError, match="holds a run already; resume it"):
        fit(Supervised(mlp(2, 4, 2)), Toy(x, y), epochs=1, folder=tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(UsageError, match="holds no run to resume"):
        fit(Supervised(mlp(2, 4, 2)), Toy(x, y), folder=tmp_path / "none", resume=True)
    with pytest.raises(UsageError, match="resume needs the folder"):
        fit(Supervised(mlp(2, 4, 2)), Toy(x, y), resume=True)


def test_a_configuration_written_before_is_kept(tmp_path):
    run_folder.write_config(tmp_path, {"model": "mlp"}, {"model": "flag"})
    fit(Supervised(mlp(2, 4, 2)), Toy(*quadrants(8)), epochs=1, folder=tmp_path)
    assert run_folder.read_config(tmp_path) == ({"model": "mlp"}, {"model": "flag"})


def test_progress_hears_of_the_run():
    class Heard:
        def __init__(self):
            self.calls = []

        def on_start(self, view):
            self.calls.append(("start", view.epochs, view.batches, view.batch))

        def on_report(self, view):
            self.calls.append(("report", view.epoch, list(view.losses)))

        def on_epoch(self, view):
            self.calls.append(("epoch", view.records[-1]["epoch"]))

        def on_close(self, view):
            self.calls.append(("close", view.ended))

    heard = Heard()
    fit(Supervised(mlp(2, 4, 2)), Toy(*quadrants(64)), epochs=2, progress=heard)
    assert heard.calls[0] == ("start", 2, 2, 0)
    assert heard.calls[-1] == ("close", "finished")
    assert [call for call in heard.calls if call[0] == "epoch"] == [("epoch", 1), ("epoch", 2)]
    assert ("report", 1, ["train/loss", "train/accuracy"]) in heard.calls
    json.dumps(heard.calls)
