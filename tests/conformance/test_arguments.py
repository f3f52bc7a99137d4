"""What `cartograd show` prints of a method's arguments is explained, and the verbs accept it."""

import inspect
import json

import pytest
import torch
from torch import nn

from cartograd.core import source
from cartograd.core.build import hyperparameters, resolve
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.core.spec import Spec
from cartograd.data.dataset.augment import Augment
from cartograd.engine.loop.arguments import clipping
from cartograd.engine.optim import average
from cartograd.engine.optim.optimizers import optimizer
from cartograd.engine.optim.schedule import schedule
from tests.conformance.support import over

PORTS = {
    "image": Port("image", "image", (3, 8, 8), bounds=(0.0, 1.0)),
    "audio": Port("sound", "audio", (1, 8000), bounds=(-1.0, 1.0), rate=8000),
}


def _optimizer(spec):
    optimizer(spec, [nn.Parameter(torch.ones(2, 2))])


def _schedule(spec):
    schedule(spec, torch.optim.SGD([nn.Parameter(torch.ones(()))]), 100, epochs=10, metric="m")


def _augmentation(spec):
    """Text is augmented as sentences, not as a port's tensors: the factory has to do."""
    card, _ = resolve(spec, kind="augmentation")
    kind = "image" if ".image." in card.module else "audio" if ".audio." in card.module else ""
    if kind:
        Augment([spec], BANDS if card.name == "spec-augment" else PORTS[kind])


BANDS = Port("spectrogram", "audio", (8, 20))
"""What SpecAugment takes: bands of frequency by time."""

VERBS = {
    "optimizer": _optimizer,
    "schedule": _schedule,
    "clipping": clipping,
    "average": lambda spec: average.rule(str(spec), 100),
    "augmentation": _augmentation,
}
"""What the verbs do with a spec of a kind, where they do more than ask the factory."""


def _needed(card):
    """What a spec has to say: the arguments without a default."""
    sizes = {
        "features": 4,
        "classes": 3,
        "vocabulary": 11,
        "model": None,
        "target": "x",
        "time": "t",
    }
    empty = inspect.Parameter.empty
    known = hyperparameters(card).items()
    needed = {key for key, parameter in known if parameter.default is empty}
    return {key: card.tiny.get(key, sizes.get(key)) for key in needed}


@over()
def test_every_argument_is_explained_by_the_method_itself(card):
    assert not [item.name for item in source.arguments(card) if len(item.means) < 8]


@over()
def test_every_argument_that_is_shown_is_accepted(card):
    needed = _needed(card)
    take = VERBS.get(card.kind, lambda spec: resolve(spec, kind=card.kind))
    for name, parameter in hyperparameters(card).items():
        default = card.tiny.get(name, parameter.default)
        given = needed if default is inspect.Parameter.empty else needed | {name: default}
        take(Spec(card.name, given))


@over("optimizer")
def test_what_is_shown_of_an_optimizer_is_what_trains(card):
    """Where torch has an optimizer of the name it is torch's that trains: with these defaults."""
    made = optimizer(card.name, [nn.Parameter(torch.ones(2, 2))])
    for name, parameter in hyperparameters(card).items():
        assert made.param_groups[0][name] == parameter.default


@over()
def test_older_names_of_arguments_stay_valid(card):
    known = hyperparameters(card)
    for old, new in card.renamed.items():
        assert old not in known
        assert new in known
        default = known[new].default
        value = card.tiny.get(new, 1 if default in (inspect.Parameter.empty, None) else default)
        rest = {key: item for key, item in _needed(card).items() if key != new}
        before = Spec.from_json(
            json.loads(json.dumps(Spec(card.name, rest | {old: value}).to_json()))
        )
        today = Spec(card.name, rest | {new: value})
        assert resolve(before, kind=card.kind) == resolve(today, kind=card.kind)
        with pytest.raises(UsageError, match=f"{old} is the older name of {new}; give {new} alone"):
            resolve(Spec(card.name, rest | {old: value, new: value}), kind=card.kind)
