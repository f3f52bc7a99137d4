"""Plans: what is chosen for a model and its data, and where each value came from."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.load.settings import Setting
from cartograd.apps.verbs.plan import planned
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.tensors import assemble


@pytest.mark.parametrize(
    ("model", "data", "expected"),
    [
        ("lenet5", "digits", ("classify", "adamw:lr=3e-3", 32, 15)),
        ("mlp", "breast-cancer", ("classify", "adamw:lr=3e-3", 32, 40)),
        ("perceptron", "separable", ("perceptron-rule", "sgd:lr=1", 1, 5)),
    ],
)
def test_choices(model, data, expected):
    plan = planned(model, data)
    names = ("objective", "optimizer", "batch_size", "epochs")
    assert tuple(plan.value(name) for name in names) == expected
    assert all(plan.settings[name].origin == "default" for name in names)


def test_texts_as_a_whole_are_classified_and_positions_labelled():
    text = torch.randint(1, 20, (60, 8))
    signature = cg.Signature(
        (cg.Port("text", "text", ("t",), "int64", (0, 19), padding_id=0),),
        (cg.Port("liked", "label", (2,)),),
    )
    split = Split(text, text[:, 0] % 2, signature)
    data = assemble("texts", dict.fromkeys(("train", "valid", "test"), split), standardise=False)
    model = "bert:dim=8,heads=2,depth=1,context=8"
    plan = planned(model, data)
    assert (plan.value("objective"), plan.model.spec.args["head"]) == ("classify", "classify")
    with pytest.raises(UsageError, match=r"shape \(1, 8, 20\), and texts wants one score for each"):
        planned(f"{model},head=masked", data)


def test_another_number_of_classes_is_refused_before_the_run():
    seven = nn.Sequential(nn.Flatten(), nn.Linear(64, 7))
    with pytest.raises(UsageError, match="each of 10 classes"):
        planned(seven, "digits")


def test_a_task_without_an_objective_is_refused_by_its_own_sentence(tmp_path):
    x = torch.randn(60, 4)
    signature = cg.Signature(
        (cg.Port("row", "vector", (4,)),), (cg.Port("place", "vector", (3,), task="embed"),)
    )
    split = Split(x, x[:, :3], signature)
    data = assemble("places", dict.fromkeys(("train", "valid", "test"), split))
    with pytest.raises(UsageError) as caught:
        cg.train(nn.Linear(4, 3), data, folder=tmp_path / "run")
    assert str(caught.value) == signature.task.refusals["train"]
    assert not (tmp_path / "run").exists()


def test_values_are_regressed_and_never_chosen_against_the_user():
    x = torch.randn(60, 2)
    data = cg.tensors(x, x.sum(1, keepdim=True))
    assert planned("mlp", data).value("objective") == "regress"
    plan = planned("mlp", data, batch_size=4, epochs=2, objective="regress", schedule="constant")
    assert [plan.value(key) for key in ("batch_size", "epochs", "schedule")] == [4, 2, "constant"]
    assert plan.settings["schedule"].origin == "flag"


def test_origins_down_to_the_hyperparameters():
    found = planned("softmax-regression:activation=tanh", "digits").details()
    assert found.pop("objective.label_smoothing") == Setting(0.0, "default")
    model = {key: item for key, item in found.items() if key.startswith("model.")}
    assert {key: (item.value, item.origin) for key, item in model.items()} == {
        "model.features": (64, "data"),
        "model.classes": (10, "data"),
        "model.widths": ((), "preset"),
        "model.activation": ("tanh", "flag"),
        "model.dropout": (0.0, "default"),
        "model.norm": (None, "default"),
    }


def test_the_seed_decides_the_first_weights_and_leaves_the_generator_alone():
    before = torch.get_rng_state()
    first, second, other = (planned("mlp", "moons", seed=seed).model for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    weights = [model.model.head.weight for model in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_objects_are_called_by_their_names():
    data = cg.tensors(torch.randn(60, 2), torch.arange(60) % 2)
    plan = planned(nn.Linear(2, 2), data)
    words = plan.words()
    assert (words["model"].value, words["data"].value) == ("Linear", "tensors")
    names = ("label_smoothing", "loss", "penalty", "mix", "aux_weight", "class_weights")
    own = {f"objective.{name}" for name in names}
    assert plan.details().keys() == own


def test_nothing_is_computed_on_meta():
    plan = planned("resnet50", "digits", meta=True)
    assert {item.device.type for item in plan.model.parameters()} == {"meta"}
