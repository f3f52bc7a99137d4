"""Copies of models by their answers, and what answers can be told without giving the model away."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.frontier.security.stealing.answered import told
from cartograd.frontier.security.stealing.equation_solving import equation_solving, solved
from cartograd.frontier.security.stealing.extraction import LABELS, extraction
from tests.frontier.security.poisoned import case, right

ROW = Port("row", "vector", (6,), bounds=(0.0, 1.0))
LABEL = Port("class", "label", (4,), labels=tuple("abcd"), task="classify")


@pytest.fixture
def regression():
    """A softmax regression of six numbers, and inputs."""
    layer = nn.Linear(6, 4)
    generator = torch.Generator().manual_seed(0)
    layer.weight.data = 3 * torch.randn(4, 6, generator=generator)
    layer.bias.data = torch.randn(4, generator=generator)
    x = torch.rand(300, 6, generator=generator)
    model = cg.sign(layer, Signature((ROW,), (LABEL,)))
    return model, x, model(x).argmax(1).detach()


@pytest.mark.law("equation-solving")
def test_a_regression_is_read_off_its_answers(regression):
    model, x, y = regression
    whole, rounded = equation_solving(model, (x, y), (x, y)), model.model.double()
    assert whole.questions == 6 + 1
    assert whole.errors[0] <= 1e-6
    assert whole.alike[0] == whole.of
    assert whole.errors[1] > 0.01  # three digits are enough to spoil it
    asked = []

    def answer(rows):
        asked.append(len(rows))
        return rounded(rows).softmax(1).detach()

    weight, bias, count = solved(answer, torch.full((6,), 0.5).double(), 0.5)
    assert sum(asked) == count == 7
    apart = rounded.weight - rounded.weight[-1]
    torch.testing.assert_close(weight, apart.detach(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(bias, (rounded.bias - rounded.bias[-1]).detach())


@pytest.mark.law("extraction")
def test_a_linear_model_is_copied_whole(regression):
    model, x, y = regression
    found = extraction(model, (x, y), (x, y), budgets=(200,), student="mlp:widths=[]", steps=300,
                       lr=0.05, forms=("probabilities",))  # fmt: skip
    assert found.value >= 0.95
    mine, taught = found.copies
    assert taught.form == LABELS
    assert mine.of == 100
    assert found.by_chance == pytest.approx(float(y[-100:].bincount().max()) / 100)
    assert found.own == 100


@pytest.mark.law("extraction")
@pytest.mark.place("threat/stealing")
def test_a_copy_grows_with_the_questions_and_suffers_by_defences():
    train = case().clean.train
    nothing = train.inputs[:2], train.targets[:2]
    found = extraction(case().good, nothing, (train.inputs, train.targets), budgets=(30, 150, 900),
                       forms=("probabilities", "top-1"), steps=200)  # fmt: skip
    alike = {form: [one.alike / one.of for one in found.copies if one.form == form]
             for form in ("probabilities", "top-1")}  # fmt: skip
    few, some, many = alike["probabilities"]
    assert few < some < many
    assert many >= 0.88
    assert some >= 0.75
    assert found.by_chance < 0.2
    assert found.leaks
    assert sum(alike["top-1"]) <= sum(alike["probabilities"]) - 0.03
    assert not any(part.grad is not None and part.grad.any() for part in case().good.parameters())


def test_answers_are_shares():
    logits = torch.randn(50, 5, generator=torch.Generator().manual_seed(0)) * 3
    for form in ("probabilities", "rounded", "top-1"):
        shares = told(logits, form)
        torch.testing.assert_close(shares.sum(1), torch.ones(50))
        assert torch.equal(shares.argmax(1)[shares.amax(1) > 0.6],
                           logits.argmax(1)[shares.amax(1) > 0.6])  # fmt: skip
    with pytest.raises(UsageError, match="did you mean 'top-1'"):
        told(logits, "top1")


def test_too_many_questions_are_refused(regression):
    model, x, y = regression
    with pytest.raises(UsageError, match="the thief has 200 inputs of his own"):
        extraction(model, (x, y), (x, y), budgets=(100, 500))
    with pytest.raises(UsageError, match=r"torch\.int64, as of texts"):
        extraction(model, (x, y), (x.long(), y))
    assert build("stealing", kind="privacy-attack").func is extraction


def test_a_thief_of_few_inputs_asks_about_what_he_has(regression):
    model, x, y = regression
    found = extraction(model, (x, y), (x[:20], y[:20]), student="mlp:widths=[]", steps=1)
    assert {one.questions for one in found.copies} == {2, 5, 10}
    assert found.best.of == 10
    assert right(model, x, y) == 1
