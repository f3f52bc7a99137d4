"""The factory: what wins over what, what is refused and how, and what comes out."""

from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn

from cartograd.core import packages, registry
from cartograd.core.build import build, hyperparameters, resolve
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.fits import fits
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec


class Net(nn.Module):
    def __init__(self, *, features: int, classes: int = 2, depth: int = 1, dropout: float = 0.0):
        super().__init__()
        self.made_with = {"features": features, "depth": depth, "dropout": dropout}
        self.linear = nn.Linear(features, classes)

    def forward(self, x):
        return self.linear(x.flatten(1))


class Learn(nn.Module):
    def __init__(self, *, model: nn.Module, smoothing: float = 0.0):
        super().__init__()
        self.players = {"model": model}
        self.smoothing = smoothing


def nudge(model, x, /, *, eps: float = 0.1, norm: Literal["l2", "linf"] = "linf"):
    return x + eps


def rows(path, /, *, target: str, seed: int = 0):
    return path, target, seed


def toy(name, kind, entry, **more):
    return Card(name=name, kind=kind, entry=entry, title="", zh="", module=__name__, **more)


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    toys = (
        toy("net", "model", "Net", presets={"net-deep": {"depth": 9, "dropout": 0.5}}),
        toy("learn", "objective", "Learn"),
        toy("nudge", "attack", "nudge", renamed={"radius": "eps"}),
        toy("rows", "data", "rows"),
    )
    found = registry.Cards({(card.kind, card.name): card for card in toys})
    monkeypatch.setattr(registry, "cards", lambda: found)
    # Their signatures are read from this file, as those of any package that is not ours.
    monkeypatch.setitem(packages.named, __name__, packages.Package(__name__, Path(__file__)))


IMAGE = Signature((Port("image", "image", (1, 2, 3)),), (Port("digit", "label", (4,)),))


def test_a_model_from_text():
    model = build("net:features=3,depth=2")
    assert isinstance(model, Net)
    assert model.made_with == {"features": 3, "depth": 2, "dropout": 0.0}
    assert model.spec == Spec("net", {"features": 3, "depth": 2})


def test_a_model_for_a_signature_is_signed_and_sized():
    model = build("net", signature=IMAGE)
    assert isinstance(model, Signed)
    assert model.signature is IMAGE
    assert model.spec == Spec("net", {"classes": 4, "features": 6})
    assert model(torch.rand(5, 1, 2, 3)).shape == (5, 4)


def test_what_wins_over_what():
    """Signature < preset < spec < arguments of build."""
    assert build("net-deep:features=2").made_with == {"features": 2, "depth": 9, "dropout": 0.5}
    assert build("net-deep:features=2,depth=3").made_with["depth"] == 3
    assert build("net-deep:features=2,depth=3", depth=4).made_with["depth"] == 4
    assert build("net:features=9", signature=IMAGE).model.made_with["features"] == 9


def test_the_full_spec_makes_the_same_again():
    card, full = resolve("net-deep", signature=IMAGE)
    assert card.name == "net"
    assert build(full).made_with == build("net-deep", signature=IMAGE).model.made_with
    assert build(Spec.parse(str(full))).made_with == build(full).made_with


def test_a_nested_spec_gets_the_signature_too():
    objective = build("learn:model=(net:depth=3),smoothing=0.1", signature=IMAGE)
    assert isinstance(objective.players["model"], Signed)
    assert objective.players["model"].model.made_with["depth"] == 3


def test_a_function_comes_with_its_hyperparameters_bound():
    attack = build("nudge:eps=0.5")
    assert torch.equal(attack(None, torch.zeros(2)), torch.full((2,), 0.5))


def test_a_subject_is_the_functions_first_argument():
    assert build("rows:a.csv,target=income")() == ("a.csv", "income", 0)


def test_a_module_is_passed_through():
    module = nn.Sequential(nn.Flatten(), nn.Linear(6, 4))
    assert build(module) is module
    assert build(module, signature=IMAGE).model is module


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nett", "unknown method 'nett'; did you mean 'net'?"),
        ("net:features=3,dept=2", "unknown argument of net 'dept'; did you mean 'depth'?"),
        ("net:features=3,eps=2", "did you mean 'depth'? ('eps' belongs to nudge)"),
        ("net:features=3,depth=2.5", "net: depth=2.5 is of the wrong type; expected int"),
        ("net:features=3,depth=deep", "net: depth='deep' is of the wrong type; expected int"),
        ("net:features=3,depth=true", "of the wrong type"),
        ("net:features=3,depth=0", "net: depth=0 is out of range; expected at least 1"),
        ("net:features=3,dropout=1.5", "out of range; expected below 1.0"),
        ("net", "net needs features: net:features=..."),
        ("rows:a.csv", "rows needs target: rows:a.csv,target=..."),
        ("nudge:norm=l7", "nudge: unknown norm 'l7'; did you mean 'l2'? Expected one of: l2, linf"),
        ("nudge:norm=3", "nudge: norm=3 is of the wrong type; expected one of l2, linf"),
        ("learn:model=(nett)", "unknown method 'nett'"),
    ],
)
def test_refusals(spec, message):
    with pytest.raises(UsageError) as caught:
        build(spec)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_argument_of_before_is_the_one_of_today():
    old, new = (resolve(f"nudge:{key}=0.5")[1] for key in ("radius", "eps"))
    assert old == new == Spec("nudge", {"eps": 0.5})
    saved = Spec.from_json({"spec": "nudge", "args": {"radius": 0.5}})
    assert build(saved).keywords == build(new).keywords
    with pytest.raises(UsageError, match="nudge: radius is the older name of eps; give eps alone"):
        build("nudge:radius=1,eps=2")


def test_another_kind_than_expected():
    with pytest.raises(UsageError, match="'net' is of kind 'model', expected 'attack'"):
        build("net:features=3", kind="attack")


def test_what_is_neither_a_spec_nor_a_module():
    with pytest.raises(UsageError, match=r"expected a spec or an nn\.Module, got int"):
        build(3)
    with pytest.raises(UsageError, match="takes no arguments: depth"):
        build(nn.Linear(2, 2), depth=3)


def test_hyperparameters_are_the_keyword_only_arguments():
    assert list(hyperparameters(registry.cards()["attack", "nudge"])) == ["eps", "norm"]


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (3, int, True),
        (True, int, False),
        (3, float, True),
        (True, float, False),
        (3.0, int, False),
        ("a", str, True),
        (True, bool, True),
        (1, bool, False),
        (None, None, True),
        (None, int, False),
        (None, int | None, True),
        ((1, 2), tuple[int, ...], True),
        ([1, 2], tuple[int, ...], True),
        ((1, 2.5), tuple[int, ...], False),
        ((1, "a"), tuple[int, str], True),
        ((1, "a", 2), tuple[int, str], False),
        ((), tuple[int, ...], True),
        (3, tuple[int, ...], False),
        ("l2", Literal["l1", "l2"], True),
        ("l3", Literal["l1", "l2"], False),
        (object(), nn.Module, True),
    ],
)
def test_fits(value, annotation, expected):
    assert fits(value, annotation) is expected
