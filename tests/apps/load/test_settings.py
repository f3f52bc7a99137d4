"""Settings: types, ranges, and where each value came from."""

from typing import get_args

import pytest

import cartograd as cg
from cartograd.apps.load.options import DEFAULTS, KINDS
from cartograd.apps.load.settings import OFF, merged, parsed
from cartograd.core import vocabulary


def test_what_is_said_wins_over_the_file_over_the_default(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('model = "mlp"\nepochs = 7\nseed = 3\n[origin]\nepochs = "flag"\n')
    found = merged(file, {"epochs": 9, "data": "moons", "clip": None})
    usual = {key: (value, "default") for key, value in DEFAULTS.items()}
    assert {key: (item.value, item.origin) for key, item in found.items()} == usual | {
        "model": ("mlp", "file"),
        "seed": (3, "file"),
        "decay": ("all", "file"),  # the file is a run's, from before there was a choice
        "epochs": (9, "flag"),
        "data": ("moons", "flag"),
    }


def test_specs_become_text():
    found = merged(None, {"objective": cg.Spec("classify", {"label_smoothing": 0.1})})
    assert found["objective"].value == "classify:label_smoothing=0.1"


def test_pairs_keep_specs_whole():
    words = ["optimizer=sgd:lr=0.1,momentum=0.9", "patience=none", "clip=0.5", "batch_size=8"]
    assert parsed(["clip=adaptive:max=0.1,eps=1"]) == {"clip": "adaptive:max=0.1,eps=1"}
    assert parsed(["clip=none"]) == {"clip": None}
    assert parsed(["clip=-1"]) == {"clip": -1}
    assert parsed(["clip=value"]) == {"clip": "value"}
    assert parsed(words) == {
        "optimizer": "sgd:lr=0.1,momentum=0.9",
        "patience": 0,  # never, where leaving it out lets it be chosen
        "clip": 0.5,
        "batch_size": 8,
    }


def test_a_pair_is_given_once_and_none_takes_away_what_a_file_says(tmp_path):
    with pytest.raises(cg.UsageError, match="clip is given twice, the second time as 'clip=2'"):
        parsed(["clip=1", "epochs=3", "clip=2"])
    with pytest.raises(cg.UsageError, match="optimizer is given twice"):
        parsed(["optimizer=sgd", "optimizers=adam"])
    file = tmp_path / "run.toml"
    file.write_text('privacy = "dp-sgd:epsilon=3"\nepochs = 2\n')
    assert merged(file, {})["privacy"].value == "dp-sgd:epsilon=3"
    found = merged(file, parsed(["privacy=none", "augment=none"]))
    assert (found["privacy"].value, found["privacy"].origin) == (None, "flag")
    assert found["augment"].value is None
    assert set(OFF) <= set(KINDS)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"epochs": True}, "epochs=True is of the wrong type; expected a whole number"),
        ({"epochs": 2.5}, "expected a whole number"),
        ({"compile": 1}, "expected true or false"),
        ({"clip": [1]}, "expected a number or a spec"),
        ({"optimizer": 3}, "expected a spec"),
        ({"batch_size": 0}, "expected at least 1"),
        ({"batchsize": 3}, "did you mean 'batch_size'?"),
    ],
)
def test_wrong_settings(given, part):
    with pytest.raises(cg.UsageError, match=part.replace("?", r"\?")):
        merged(None, given)


def test_every_counted_setting_has_a_range():
    words = vocabulary.words()
    counted = [key for key, kind in KINDS.items() if set(get_args(kind) or (kind,)) & {int, float}]
    assert all(key in words for key in counted)
