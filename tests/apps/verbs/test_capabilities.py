"""Every generative model does what it says that it can, and says why it cannot do the rest."""

from functools import cache

import pytest
import torch

import cartograd as cg
from cartograd.apps.load.abilities import FILE
from cartograd.apps.verbs.capabilities import REASONS, capabilities_of, refusals_of
from cartograd.core import registry
from cartograd.core.generative import NotSupported
from cartograd.core.task import find
from cartograd.data.dataset.own_targets import prompt_of
from cartograd.data.text import vocabularies
from tests.conformance.support import model_of
from tools import abilities

CARDS = [
    card for card in registry.cards().values()
    if card.kind == "model" and card.answers and find(card.answers).target == "example"
]  # fmt: skip
EACH = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    """Whether a search ends near is tried elsewhere."""
    monkeypatch.setattr("cartograd.generative.projection.STEPS", 5)


def made(card):
    """The model, three examples of its own sort, and what it has to be told of them."""
    return built(card.name)


@cache
def built(name):
    (card,) = (card for card in CARDS if card.name == name)
    model = cg.generative_model(model_of(card))
    if prompt_of(model.model.signature) is not None:
        model.model.tokenizer = vocabularies.lower_words(["red circle"], vocabulary=7)
    port = model.model.signature.example
    x = torch.rand(3, *port.dims, generator=torch.Generator().manual_seed(0))
    if port.levels:
        x = (x * (port.levels - 1)).round() / (port.levels - 1)
    told = {} if model.model.signature.condition is None else {"condition": [0, 1, 0]}
    return model, x, told


def asked(card, what):
    """The answer of one thing that there is to be done."""
    model, x, told = made(card)
    first = torch.zeros_like(x[0]).flatten()
    first[: len(first) // 2] = 1
    few = {} if model.denoiser is None else {"kind": "vlb", "steps": 2}
    ways = {
        "sample": lambda: model.sample(3, **told),
        "log_prob": lambda: model.log_prob(x, **few, **told).nats,
        "encode": lambda: model.encode(x, **told),
        "decode": lambda: model.decode(codes(model, x, told), **told),
        "interpolate": lambda: model.interpolate(x[0], x[1], 3, **dict.fromkeys(told, 0)),
        "reconstruct": lambda: model.reconstruct(x, **told),
        "inpaint": lambda: model.inpaint(x, first.reshape(x[0].shape), **told),
    }  # fmt: skip
    return ways[what]()


def codes(model, x, told):
    """Three codes."""
    if model.model.signature.draws:
        dims = model.model.signature.input.dims
        return torch.randn(3, *dims, generator=torch.Generator().manual_seed(0))
    return model.encode(x, **told)


@EACH
def test_it_does_what_it_says_that_it_can(card):
    model, x, _ = made(card)
    can = model.capabilities()
    assert can
    for what in can:
        torch.manual_seed(0)
        answer = asked(card, what)
        assert len(answer) == 3, what
        assert answer.isfinite().all(), what
        if what in ("sample", "reconstruct", "inpaint", "decode", "interpolate"):
            assert answer.shape == x.shape, what
        if what == "inpaint":
            kept = slice(0, x[0].numel() // 2)
            assert torch.equal(answer.flatten(1)[:, kept], x.flatten(1)[:, kept])


@EACH
def test_what_it_cannot_is_refused_with_its_reason(card):
    model, _, _ = made(card)
    cannot = model.refusals()
    assert {*cannot, *model.capabilities()} == {*REASONS}
    for what, why in cannot.items():
        if what == "decode":
            continue  # there are no codes to give it
        with pytest.raises(NotSupported) as refused:
            asked(card, what)
        assert why in str(refused.value)
        assert why.strip() == why != ""


@EACH
def test_codes_are_as_exact_as_is_said(card):
    """The table of families: a flow's lead back, those of others are told by their error."""
    model, x, told = made(card)
    can = model.capabilities()
    family = {"exact": 1e-4, "inversion": 1.0, "projection": 1.0, "lossy": 10.0}
    if "encode" in can:
        error = model.round_trip(x, **told)
        assert error.shape == (3,)
        assert error.max() < family[can["encode"]]
    if model.model.signature.draws and model.denoiser is None:
        assert "log_prob" not in can
    if model.denoiser is not None:
        assert can.get("log_prob", "of codes") in ("ode, vlb", "of codes")


def test_the_table_needs_no_data():
    """As `cartograd show` prints it: of the network and the task alone."""
    for card in CARDS:
        model, _, _ = made(card)
        network, task = model.model.model, find(card.answers)
        assert capabilities_of(network, task) == model.capabilities()
        assert refusals_of(network, task) == model.refusals()
    assert abilities.text() == FILE.read_text(encoding="utf-8"), "run python -m tools.abilities"
