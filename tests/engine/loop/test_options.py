"""Options: one dataclass, from which signatures, checks, help and schema derive."""

import inspect
from dataclasses import FrozenInstanceError, fields
from typing import get_type_hints

import pytest

import cartograd as cg
from cartograd.apps.load.options import DEFAULTS, KINDS, DataOptions, TrainFields, schema
from cartograd.apps.load.settings import merged
from cartograd.engine.logging.run_folder import read_config
from cartograd.engine.loop.fit import fit
from cartograd.engine.loop.option_fields import ALIASES, hints
from cartograd.engine.loop.options import FitFields, FitOptions
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


def test_the_keywords_for_type_checkers_are_the_fields():
    earlier = {old: hints(FitOptions)[new] for old, new in ALIASES.items()}
    assert get_type_hints(FitFields) == hints(FitOptions) | earlier
    own = {key: kind for key, kind in hints(DataOptions).items() if key not in ("model", "data")}
    assert get_type_hints(TrainFields) == get_type_hints(FitFields) | own
    assert set(KINDS) == {item.name for kind in (DataOptions, FitOptions) for item in fields(kind)}


def test_signature_and_documentation_show_each_option():
    shown = inspect.signature(cg.fit).parameters
    for item in fields(FitOptions):
        assert shown[item.name].default == item.default
        assert f"        {item.name}: {item.metadata['doc']}" in cg.fit.__doc__
        assert item.name in inspect.signature(cg.train).parameters
    assert shown["objective"].kind is inspect.Parameter.POSITIONAL_ONLY
    assert inspect.signature(cg.train).parameters["epochs"].default is None
    assert "**fields" not in cg.fit.__doc__ + cg.train.__doc__


def test_options_and_keywords_train_alike():
    x, y = quadrants(40)

    def run(**given):
        model = mlp(2, 4, 2)
        fit(Supervised(model), Toy(x, y), **given)
        return [p.tolist() for p in model.parameters()]

    options = FitOptions(optimizer="sgd:lr=0.1", epochs=2, seed=3)
    wanted = run(optimizer="sgd:lr=0.1", epochs=2, seed=3)
    assert run(options=options) == wanted
    assert run(options=FitOptions(epochs=9, seed=3), optimizers="sgd:lr=0.1", epochs=2) == wanted
    with pytest.raises(FrozenInstanceError):
        options.epochs = 3


@pytest.mark.untyped
@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"epoch": 3}, "unknown option of fit 'epoch'; did you mean 'epochs'?"),
        ({"optimizer": "sgd", "optimizers": "sgd"}, "optimizer is given twice"),
        ({"epochs": 0}, "expected at least 1"),
        ({"clip": [1]}, "expected a number or a spec"),
        ({"recompute": 3}, "expected true, or names of parts"),
        ({"optimizer": {"model": 3}}, "expected a spec"),
        ({"seed": 1.0}, "expected a whole number"),
        ({"exact": 1}, "expected true or false"),
    ],
)
def test_wrong_options(given, part):
    with pytest.raises(cg.UsageError) as caught:
        FitOptions.of(None, given)
    assert part in str(caught.value)


def fits(value, schema):
    """A validator of the part of JSON schema that ours uses."""
    if "anyOf" in schema:
        return any(fits(value, one) for one in schema["anyOf"])
    kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
    kinds |= {"object": dict, "array": list}
    if "type" in schema:
        right = isinstance(value, kinds[schema["type"]])
        if not right or (isinstance(value, bool) and schema["type"] != "boolean"):
            return False
    if isinstance(value, dict):
        known, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        return all(
            fits(x, known[key]) if key in known else rest is True or (rest and fits(x, rest))
            for key, x in value.items()
        )
    if isinstance(value, list):
        return all(fits(item, schema.get("items", {})) for item in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (
            value >= schema.get("minimum", value)
            and value <= schema.get("maximum", value)
            and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
        )
    return True


FILES = [
    {"epochs": 3, "optimizer": "sgd:lr=0.1", "clip": 0.5},
    {"optimizer": {"a": "sgd", "b": "adam"}, "recompute": ["layer1"], "compile": True},
    {"clip": "value:max=1", "freeze": True, "augment": ["flip", "crop"], "batch_size": 1},
    {"epochs": 0},
    {"epochs": "3"},
    {"epochs": True},
    {"clip": -1.0},
    {"clip": [1]},
    {"compile": 1},
    {"recompute": 4},
    {"optimizer": 3},
    {"seed": -1},
    {"epoch": 1},
    {"batch_size": 0},
]


@pytest.mark.parametrize("values", FILES, ids=str)
def test_the_schema_says_what_the_check_says(values):
    try:
        merged(None, values)
        good = True
    except cg.UsageError:
        good = False
    assert bool(fits(values, schema())) is good
    assert good is (FILES.index(values) < 3)


def test_a_run_folder_obeys_the_schema(tmp_path):
    run = cg.train("mlp:widths=[4]", "moons", folder=tmp_path / "run", epochs=1)
    values, origins = read_config(run.folder)
    assert fits(values | {"origin": origins}, schema())
    assert set(values) >= {key for key, value in DEFAULTS.items() if value is not None}
