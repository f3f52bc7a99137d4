"""Secure inference from the command line."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.verbs.secure import beside
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign

VALUES = Port("x", "vector", (4,), mean=(0.5,) * 4, std=(0.3,) * 4)
LABEL = Port("y", "label", (3,), labels=("a", "b", "c"))


@pytest.fixture
def bundle(tmp_path):
    torch.manual_seed(0)
    model = cg.build("mlp:widths=[8]", signature=Signature((VALUES,), (LABEL,)))
    return cg.save(model, tmp_path / "kept")


@pytest.mark.journey
def test_parties_answer_as_the_model_does_and_say_what_it_cost(bundle, cli_run):
    words = ("predict", str(bundle), "0.1,0.9,0.3,0.4", "--json")
    plain, shared = cli_run(*words), cli_run(*words, "--secure", "additive-shares:parties=3")
    assert shared.code == 0, shared.err
    found, right = (one.json for one in (shared, plain))
    assert found["label"] == right["label"]
    assert found["probability"] == pytest.approx(right["probability"], abs=1e-3)
    said = " ".join(shared.err.split())
    assert "3 parties sent each other" in said
    assert "the likeliest class is the same for 1 of 1" in said
    assert "do not pool what they see" in said
    bad = cli_run(*words, "--secure", "additive-shares:parties=1")
    assert bad.code == 2
    assert "parties=1 is out of range; expected at least 2" in bad.err


def test_a_single_logit_says_the_same_where_its_sign_is(monkeypatch):
    torch.manual_seed(0)
    told = Signature((VALUES,), (Port("y", "label", (1,), labels=("no", "yes")),))
    model = beside(sign(nn.Linear(4, 1), told), "additive-shares", draws=None)
    assert model is not None
    x = torch.rand(6, 4)
    monkeypatch.setattr(model.secured, "forward", lambda x: -model.model(x))
    with torch.no_grad():
        model(x)
    assert (model.same, model.seen) == (0, 6)


def test_what_cannot_be_answered_on_shares_is_refused_by_name(bundle):
    x = torch.rand(2, 4)
    with pytest.raises(UsageError, match="draws= has dropout on"):
        cg.predict(bundle, x, secure="additive-shares", draws=3)
    text = Port("t", "text", ("t",), bounds=(0, 8), dtype="int64")
    words = cg.build("lstm", signature=Signature((text,), (LABEL,)))
    with pytest.raises(UsageError, match="this one takes text"):
        cg.predict(words, torch.ones(1, 5, dtype=torch.int64), secure="additive-shares")
    bent = sign(nn.Sequential(nn.Linear(4, 3), nn.Tanh()), Signature((VALUES,), (LABEL,)))
    with pytest.raises(UsageError, match="secure inference has no tanh"):
        cg.predict(bent, x, secure="additive-shares")
