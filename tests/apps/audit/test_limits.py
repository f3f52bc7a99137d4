import pytest

import cartograd as cg
from cartograd.apps.exams.limits import CURVES
from cartograd.core.build import build
from tests.apps.exams.test_limits import Able


@pytest.fixture
def small():
    """A GPT that learned nothing, and texts to read."""
    data = cg.dataset("multiplication:examples=40")
    model = build("gpt:dim=8,heads=1,depth=1,context=200", signature=data.signature)
    model.tokenizer = data.tokenizer
    return model, data


@pytest.mark.place("llm/limits")
def test_the_card_of_a_language_model_has_its_curves(small, tmp_path):
    model, data = small
    card = cg.audit(model, data, part="test", minutes=1e-3, examples=2)
    found = next(done for done in card.sections if done.name == "limits")
    sizes = {f"{kind}_{size}" for kind in ("digits", "steps", "length")
             for size in CURVES[kind].sizes}  # fmt: skip
    assert {one.name for one in found.found.figures} == sizes
    for one in found.found.figures:
        assert one.low <= one.value <= one.high
        assert one.n == 2
    page, _ = card.write(tmp_path)
    assert "sum of numbers of 8 digits" in page.read_text()


@pytest.mark.place("llm/limits")
def test_what_the_card_tells_is_what_a_model_can(small, monkeypatch):
    model, data = small
    monkeypatch.setattr("cartograd.apps.exams.sit.opened", lambda *_, **__: Able(4))
    card = cg.audit(model, data, part="test", minutes=1e-3, examples=2)
    for kind in ("digits", "steps", "length"):
        for size in CURVES[kind].sizes:
            assert card[f"limits.{kind}_{size}"].value == (size <= 4)
