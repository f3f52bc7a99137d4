"""Every method is called as its kind's protocol says: by its signature, and by a real call."""

import inspect

import torch

from cartograd.core import registry
from cartograd.core.build import build, entry
from cartograd.core.poisoning import Suspicion
from cartograd.core.protocols import CALLS
from tests.conformance.support import exported_model, looked_at, over, untouched
from tests.conformance.test_functions import fitting
from tests.conformance.test_privacy_attacks import attacked
from tests.conformance.test_studies import many

LOOKED = {"study": many, "privacy-attack": lambda _: attacked()}
"""What is given to those that look at a whole model."""


def parts(function):
    """Positional parameters, those of them that must be given, and keyword-only ones by name."""
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    positional = [p for p in parameters if p.kind is p.POSITIONAL_ONLY]
    needed = [p for p in positional if p.default is p.empty]
    return positional, needed, {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}


@over(
    "attack",
    "compressor",
    "detector",
    "explainer",
    "exporter",
    "metric",
    "privacy-attack",
    "sampler",
    "study",
    "token-sampler",
    "verifier",
)
def test_signature_takes_what_the_protocol_gives(card):
    given, sure, words = parts(CALLS[card.kind].__call__)
    positional, needed, keywords = parts(entry(card))
    assert len(needed) <= len(sure)
    assert len(positional) >= len(given)
    assert [p.name for p in positional[: len(given)]] == [p.name for p in given]
    assert set(words) <= set(keywords)
    for name, keyword in keywords.items():
        assert name in words or keyword.default is not keyword.empty or name in card.tiny


@over(
    "attack",
    "compressor",
    "detector",
    "explainer",
    "exporter",
    "metric",
    "privacy-attack",
    "sampler",
    "study",
    "token-sampler",
    "verifier",
)
def test_a_call_gives_what_the_protocol_promises(card, tmp_path):
    method = build(card.name, **card.tiny)
    assert isinstance(method, CALLS[card.kind])
    model, x, y = looked_at(card)
    if card.kind in ("attack", "verifier"):
        found = method(model, x, y)
        assert getattr(found, "found", found).shape == x.shape
    elif card.kind == "explainer":
        for target in (None, 1, y):
            assert method(model, x, target=target).shape == x.shape
    elif card.kind in LOOKED:
        assert method(*LOOKED[card.kind](card)).rows()
    elif card.kind == "detector":
        model, x, y = many(card)
        told = method(model, x, y, (x, y))
        assert isinstance(told, Suspicion)
        assert told.scores.shape == told.flagged.shape == y.shape
    elif card.kind == "exporter":
        assert method(exported_model(card), tmp_path / "file") == tmp_path / "file"
    elif card.kind == "metric":
        assert isinstance(method(*fitting(card)), float)
    elif card.kind == "sampler":
        denoiser = build("flow-matching", features=3, width=8).denoiser
        noise, draw = torch.randn(2, 3), torch.Generator().manual_seed(0)
        assert method(denoiser, noise, draw).shape == noise.shape
    elif card.kind == "token-sampler":
        assert method(torch.randn(2, 9), torch.full((2, 3), -1)).shape == (2, 9)
    else:
        assert isinstance(method(model, few(x, y)), torch.nn.Module)


def test_every_protocol_has_a_method():
    kinds = {card.kind for card in registry.cards().values()}
    assert set(CALLS) <= kinds


class few:  # noqa: N801
    """One batch, as a compressor gets its data."""

    def __init__(self, *batch):
        self.batch = batch

    def __len__(self):
        return 1

    def epoch(self, number, /, *, seed, start=0):
        yield from [self.batch][start:]


@over("compressor")
def test_compressor_leaves_the_model_alone_and_answers_nearly_the_same(card):
    model, x, y = looked_at(card)
    with untouched(model):
        small = build(card.name, **card.tiny)(model, few(x, y))
    assert small is not model
    before, after = model.eval()(x), small.eval()(x)
    assert after.shape == before.shape
    assert (after - before).abs().max() <= 0.2 * before.abs().max()
    assert not torch.equal(after, before)


@over("compressor")
def test_compressed_model_is_a_state_that_can_be_loaded_again(card):
    model, x, y = looked_at(card)
    method = build(card.name, **card.tiny)
    small = method(model.eval(), few(x, y))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(0.3)
    other = method(model, few(x, y))
    assert not torch.equal(other(x), small(x))
    other.load_state_dict(small.state_dict())
    assert torch.equal(other(x), small(x))
