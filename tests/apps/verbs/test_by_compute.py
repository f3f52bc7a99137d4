import json

import pytest

import cartograd as cg
from cartograd.apps.verbs.by_compute import chosen
from cartograd.apps.verbs.cost import costed
from cartograd.apps.verbs.plan import planned
from cartograd.core.errors import UsageError


@pytest.fixture
def text(tmp_path):
    """Some 60,000 bytes."""
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{i} and {i * i} follow {i - 1}.\n" for i in range(2500)))
    return f"text:{path},window=32"


@pytest.mark.parametrize(
    ("model", "asked", "given"),
    [
        ("gpt", 1e9, {}),
        ("llama", 2e9, {}),
        ("gpt:depth=2", 2e9, {"batch_size": 4}),
        ("llama:dim=32,heads=4", 3e9, {"epochs": 2}),
        ("gpt:dim=16", 2e10, {}),
    ],
)
def test_as_many_operations_are_planned_as_were_asked(text, model, asked, given):
    """As torch counts them, all steps together: within a batch of them."""
    plan, cost = costed(model, text, compute=asked, **given)
    whole = cost.flops * len(plan.data.train) * plan.value("epochs")
    assert whole == pytest.approx(asked, rel=0.02)
    for name, value in given.items():
        assert plan.value(name) == value
    assert any(f"compute={asked:g}: {model.partition(':')[0]}" in line for line in plan.begun)
    for word in model.partition(":")[2].split(","):
        assert word in str(plan.value("model"))
    assert ("dropout=0.0" in str(plan.value("model"))) == model.startswith("gpt")


def test_the_size_grows_with_the_compute_as_the_laws_have_it():
    """At 1e20 operations and no vocabulary to speak of they have 5.2e9 for a token."""
    shapes = [chosen(asked, 128, 256, {}) for asked in (1e10, 1e13, 1e15, 1e17, 1e20)]
    works = [shape.work(128) for shape in shapes]
    assert works == sorted(works)
    assert works[-1] == pytest.approx(0.1715 * 1e20**0.5243, rel=0.15)
    for shape in shapes:
        assert shape.dim % (2 * shape.heads) == 0
        assert min(shape.depth, shape.heads) >= 2
    assert chosen(1e15, 128, 256, {"dim": 96, "heads": 2}).dim == 96
    assert chosen(1e10, 128, 256, {"depth": 1, "heads": 1}).depth == 1


def test_it_trains_as_the_models_of_the_laws_were_unless_somebody_says_otherwise(text):
    """Two means that forget soon, and gradients that are cut; a federation refuses to cut."""
    plan = planned("llama", text, compute=1e9)
    assert "betas=[0.9,0.95]" in plan.value("optimizer")
    assert plan.value("clip") == 1.0
    own = planned("llama", text, compute=1e9, optimizer="adamw:lr=1e-3", clip=0.5)
    assert (own.value("optimizer"), own.value("clip")) == ("adamw:lr=1e-3", 0.5)
    together = planned("gpt", text, compute=1e9, federated="fedavg:clients=2")
    assert together.value("clip") is None


def test_a_run_by_compute_trains_and_goes_on(text, tmp_path):
    cg.train("gpt:dropout=0", text, compute=3e8, folder=tmp_path / "run", yardstick="none")
    assert "compute" in (tmp_path / "run" / "config.toml").read_text()
    again = planned(None, None, config=tmp_path / "run")
    first = planned("gpt:dropout=0", text, compute=3e8)
    assert again.value("model") == first.value("model")
    assert len(again.data.train) == len(first.data.train)
    assert (again.data.train.inputs == first.data.train.inputs).all()
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in lines]
    assert max(steps) == len(first.batches()) * first.value("epochs")


@pytest.mark.parametrize(
    ("model", "settings", "told"),
    [
        ("lstm-language-model", {}, "does not have all of them; give model=gpt"),
        ("gpt", {"compute": 1e3}, "too little"),
        ("gpt:dim=16", {"compute": 1e12, "epochs": 1}, "more than epochs=1"),
        ("gpt", {"compute": 1e15}, "would read text [0-9,]+ times; give more data"),
        ("gpt", {"compute": 1e40}, "compute=1e\\+40 is out of range"),
        ("gpt", {"compute": -1.0}, "compute=-1.0 is out of range"),
        ("gpt", {"compute": "much"}, "wrong type; expected a number of operations"),
    ],
)
def test_what_cannot_be_sized_is_refused(text, model, settings, told):
    with pytest.raises(UsageError, match=told):
        planned(model, text, **({"compute": 1e9} | settings))


def test_data_that_are_no_text_are_refused():
    with pytest.raises(UsageError, match="is no text to go on with"):
        planned("mlp", "moons", compute=1e9)
