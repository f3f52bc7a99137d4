"""Optimizers, losses, objectives and schedules of a user's own, in the place of specs."""

import functools

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Loss
from cartograd.engine.logging.run_folder import read_config
from cartograd.engine.loop.own_code import word


def adam(params, lr=1e-2):
    return torch.optim.AdamW(params, lr=lr)


class Own:
    """An objective that makes its model answer with the class's number in each logit."""

    def __init__(self, model):
        self.model, self.players = model, {"model": model}

    def losses(self, batch):
        x, y = batch
        yield Loss((self.model(x) - y[:, None]).square().mean(1))


def decay(step):
    return 0.99**step


DATA = "moons:examples=60"
GIVEN = {"optimizer": functools.partial(adam, lr=0.02), "schedule": decay,
         "loss": nn.CrossEntropyLoss(label_smoothing=0.1)}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of four epochs."""
    folder = tmp_path_factory.mktemp("own") / "run"
    return cg.train("mlp", DATA, epochs=4, folder=folder, **GIVEN)


def test_they_train_as_the_specs_of_the_same_do(whole, tmp_path):
    specs = {"optimizer": "adamw:lr=0.02", "schedule": "exponential:factor=0.99,per=step",
             "loss": "cross-entropy:label_smoothing=0.1", "decay": "all"}  # fmt: skip
    same = cg.train("mlp", DATA, epochs=4, folder=tmp_path / "run", **specs)
    rates = ([record["lr"] for record in run.history] for run in (whole, same))
    assert next(rates) == pytest.approx(next(rates), rel=1e-12)
    for key, weight in whole.model.state_dict().items():
        torch.testing.assert_close(weight, same.model.state_dict()[key], rtol=1e-4, atol=1e-5)
    named = read_config(same.folder)[0]["objective"]
    assert named == 'classify:loss="cross-entropy:label_smoothing=0.1"'


def test_a_run_goes_on_with_the_same_functions_alone(whole, tmp_path):
    run = tmp_path / "run"
    cg.train("mlp", DATA, epochs=2, folder=run, **GIVEN)
    kept = read_config(run)[0]
    assert kept["loss"].startswith("own:torch.nn.modules.loss.CrossEntropyLoss@")
    assert kept["optimizer"] == word(functools.partial(adam, lr=0.02))
    more = {"resume": True, "epochs": 4}
    with pytest.raises(UsageError, match=r"made with \S+=\S+, code .* give the same"):
        cg.train(run, **more)
    for change in (
        {"optimizer": functools.partial(adam, lr=0.03)},
        {"loss": nn.CrossEntropyLoss()},
        {"schedule": lambda step: 0.98**step},
    ):
        with pytest.raises(UsageError, match=rf"{next(iter(change))}=.*own:"):
            cg.train(run, **more, **(GIVEN | change))
    gone_on = cg.train(run, **more, **GIVEN).model.state_dict()
    assert all(torch.equal(gone_on[key], x) for key, x in whole.model.state_dict().items())


def test_an_objective_of_ones_own(tmp_path):
    run = cg.train("mlp", DATA, epochs=1, objective=Own, folder=tmp_path / "run")
    assert {"train/loss", "valid/loss", "valid/accuracy"} <= set(run.history[0])
    assert read_config(run.folder)[0]["objective"].startswith("own:")


@pytest.mark.untyped
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optimizer": lambda params: 3}, "made int of the parameters; expected a torch.optim"),
        ({"optimizer": lambda params: torch.optim.SGD(params[:1])}, "leaves out 5 of 6 parameters"),
        (
            {"optimizer": lambda params: torch.optim.SGD([*params, torch.zeros(1)])},
            "steps 1 parameters that are none MLP trains",
        ),
        ({"optimizer": torch.optim.LBFGS}, "lbfgs evaluates its loss many times"),
        ({"optimizer": adam, "groups": "*.bias:lr=0.1"}, "makes its own groups"),
        ({"objective": lambda model: 3}, "made int of the model"),
        ({"objective": lambda model: Own(nn.Linear(2, 2))}, "an objective of another model"),
        ({"objective": Own, "loss": "focal"}, "an objective of your own does not"),
        ({"objective": "classify:loss=hinge", "loss": "focal"}, "the loss is given twice"),
        ({"loss": "focl"}, "unknown loss 'focl'; did you mean 'focal'"),
        ({"loss": lambda z, y: z.nope()}, "does not go through Classify: AttributeError"),
        ({"loss": nn.CrossEntropyLoss(), "class_weights": "balanced"}, "weigh a loss by name"),
        ({"schedule": lambda optimizer: optimizer.step()}, "fails for step 0"),
        ({"schedule": lambda step: "fast"}, "gives str for step 0"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_work(given, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        cg.train("mlp", DATA, epochs=1, folder=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_words_tell_functions_apart():
    def made(rate):
        return lambda params: adam(params, lr=rate)

    assert word(made(0.1)) == word(made(0.1)) != word(made(0.2))
    assert word(functools.partial(adam, lr=1)) != word(functools.partial(adam, lr=2))
