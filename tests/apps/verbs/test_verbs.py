"""The verbs on a model whose answers are known."""

import math

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.verbs.attack import robustness
from cartograd.apps.verbs.explain_target import class_of
from cartograd.apps.verbs.prepared import prepared
from cartograd.core.errors import UsageError
from cartograd.core.ports import Column, Port, Signature
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.tensors import assemble
from cartograd.training.regularization.dropout import Dropout

POINT = Port("point", "vector", (2,), bounds=(-4.0, 4.0))
SIDE = Port("side", "label", (2,), labels=("left", "right"))
PRICE = Port("price", "value", (1,))
ROW = Port("row", "table", (3,), columns=(Column("age"), Column("town", ("Bonn", "Oslo"))))


def linear(given, answer, weight):
    layer = nn.Linear(given.size, answer.size, bias=False)
    layer.weight.data = torch.tensor(weight)
    return cg.sign(layer, Signature((given,), (answer,)))


@pytest.fixture
def sides():
    """Says right where the first number is positive; the second does not matter."""
    return linear(POINT, SIDE, [[-1.0, 0.0], [1.0, 0.0]])


@pytest.fixture
def split(sides):
    x = torch.tensor([[1.0, 3.0], [-2.0, 1.0], [0.5, -1.0], [-0.25, 0.0]])
    return Split(x, torch.tensor([1, 0, 1, 1]), sides.signature)


def test_evaluate(sides, split):
    found = cg.evaluate(sides, split, metrics=("accuracy", "recall:average=macro"))
    assert found.metrics == {"accuracy": 0.75, "recall:average=macro": pytest.approx(5 / 6)}
    assert (found.parameters, found.size, found.examples) == (4, 16, 4)
    assert torch.equal(found.targets, split.targets)
    assert found.outputs.tolist() == [[-x, x] for x in split.inputs[:, 0].tolist()]


def test_predict_names_its_sources(sides):
    answers = cg.predict(sides, ["1, 2", "-1 2"], top=1)
    assert [(row["source"], row["label"]) for row in answers] == [
        ("1, 2", "right"),
        ("-1 2", "left"),
    ]
    assert answers[0]["probabilities"].keys() == {"right"}
    assert cg.predict(sides, [1.0, 2.0])[0]["source"] == "input"
    for two in (torch.eye(2), torch.eye(2).numpy(), [[1.0, 0.0], [0.0, 1.0]]):
        rows = cg.predict(sides, two)
        assert [row["source"] for row in rows] == ["input row 1", "input row 2"]


@pytest.fixture(scope="module")
def thinned():
    """A classifier and a regressor of one dropout layer and one unit each, and by hand."""
    found = []
    for port, weight in ((SIDE, [[0.0, 0.0], [1.0, 0.0]]), (PRICE, [[2.0, 0.0]])):
        layer = nn.Linear(2, port.size, bias=False)
        layer.weight.data = torch.tensor(weight)
        network = nn.Sequential(Dropout(dropout=0.5), layer)
        found.append(cg.sign(network, Signature((POINT,), (port,))))
    return found


@pytest.mark.place("regularize/dropout")
def test_predict_by_passes_with_dropout_tells_their_spread(thinned):
    """The first number is kept, doubled, in half of the passes, and is 0 in the others."""
    sides, price = thinned
    (answer,) = cg.predict(price, ["1.5,1"], draws=4000)
    assert answer["value"] == pytest.approx(3.0, abs=0.2)
    assert answer["spread"] == pytest.approx(3.0, abs=0.05)
    near, far = cg.predict(sides, ["0.2,1", "3,1"], draws=4000)
    for row, x in ((near, 0.2), (far, 3.0)):
        right = 1 / (1 + math.exp(-2 * x))
        assert row["probabilities"]["right"] == pytest.approx((0.5 + right) / 2, abs=0.03)
        assert row["spread"]["right"] == pytest.approx((right - 0.5) / 2, abs=0.01)
    assert cg.predict(sides, ["3,1"], draws=20) == cg.predict(sides, ["3,1"], draws=20)
    assert "spread" not in cg.predict(sides, ["3,1"])[0]
    assert cg.predict(sides, ["3,1"], draws=20).table()[0].count("spread") == 2
    assert {"spread1", "spread2"} <= set(cg.predict(sides, ["3,1"], draws=20).flat()[0])


def test_what_has_no_spread_is_refused(sides, thinned):
    with pytest.raises(UsageError, match="drops nothing"):
        cg.predict(sides, ["1, 2"], draws=20)
    with pytest.raises(UsageError, match="needs at least two passes"):
        cg.predict(thinned[0], ["1, 2"], draws=1)
    with pytest.raises(UsageError, match="language=de is for models that transcribe speech"):
        cg.predict(sides, ["1, 2"], language="de")


def test_predict_takes_rows_by_the_names_of_their_columns():
    prices = linear(ROW, PRICE, [[1.0, 10.0, 100.0]])
    rows = [{"age": 2, "town": "Oslo"}, {"town": "Bonn", "age": "", "more": 1}]
    assert [row["value"] for row in cg.predict(prices, rows)] == [102.0, 10.0]
    assert cg.predict(prices, rows[0]) == [{"source": "input 1", "value": 102.0}]


def test_predict_in_parts_is_predict_at_once(sides):
    many = torch.randn(600, 2).clamp(-4, 4)
    assert [row["label"] for row in cg.predict(sides, many)] == [
        "right" if x > 0 else "left" for x in many[:, 0].tolist()
    ]


def test_prepared_names_each_row_of_a_file(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("town,age\nOslo,1\nBonn,2\n")
    inputs, names = prepared(linear(ROW, PRICE, [[0.0, 0.0, 0.0]]), path)
    assert inputs.tolist() == [[1.0, 0.0, 1.0], [2.0, 1.0, 0.0]]
    assert names == [f"{path} row 1", f"{path} row 2"]


def test_explain_a_linear_model(sides):
    x = torch.tensor([[2.0, 3.0]])
    heat = cg.explain(sides, x, target="right", method="integrated_gradients:steps=4,baseline=0")
    assert torch.allclose(heat, torch.tensor([[2.0, 0.0]]))
    own = cg.explain(sides, -x, method="integrated_gradients:steps=4,baseline=0")
    assert torch.allclose(own, torch.tensor([[2.0, 0.0]]))


@pytest.mark.parametrize(
    ("given", "number"), [(None, None), ("right", 1), ("0", 0), (1, 1), ("left", 0)]
)
def test_classes_by_label_or_number(given, number):
    assert class_of(linear(POINT, SIDE, [[0.0, 0.0], [1.0, 0.0]]), given) == number


def test_attack_moves_what_can_be_moved(sides, split):
    adversarial = cg.attack(sides, split.inputs, split.targets, method="pgd:eps=0.6")
    said = cg.evaluate(sides, Split(adversarial, split.targets, sides.signature)).metrics
    assert said["accuracy"] == 0.5
    assert (adversarial - split.inputs).abs().max() <= 0.6 + 1e-6


def test_robustness_counts(sides, split):
    found = robustness(sides, split, method="pgd:eps=0.6", examples=3)
    again = robustness(sides, split, method="pgd:eps=0.6", examples=3)
    assert torch.equal(found.inputs, again.inputs)
    assert found.examples == len(found.inputs) == 3
    assert found.clean == float((found.before == found.targets).double().mean())
    assert found.robust == float((found.after == found.targets).double().mean())
    assert found.robust_interval[0] <= found.robust <= found.robust_interval[1]
    assert found.method == "pgd:eps=0.6"


def test_robustness_of_a_model_without_bounds_stays_within_the_examples(split):
    free = linear(Port("point", "vector", (2,)), SIDE, [[-1.0, 0.0], [1.0, 0.0]])
    given = Split(split.inputs, split.targets, free.signature)
    found = robustness(free, given, method="pgd:eps=100")
    assert found.adversarial.min() >= split.inputs.min()
    assert found.adversarial.max() <= split.inputs.max()
    assert "bounds=[-2.0,3.0]" in found.method


def test_verbs_leave_a_model_in_its_mode(sides, split):
    sides.train()
    cg.evaluate(sides, split)
    cg.predict(sides, split.inputs)
    cg.explain(sides, split.inputs)
    cg.attack(sides, split.inputs, split.targets)
    assert sides.training
    assert sides.model.training
    assert sides.model.weight.grad is None


def test_completion_is_one_option():
    from cartograd.apps.cli import application

    script = application().generate_completion(shell="bash")
    assert "cartograd" in script


def test_a_single_logit_goes_through_every_verb(tmp_path):
    """Whether a pair matches: trained, measured, explained for yes and for no, and attacked."""
    torch.manual_seed(0)
    x = torch.randn(240, 4).clamp(-4, 4)
    row = cg.Port("row", "vector", (4,), bounds=(-4.0, 4.0))
    match = cg.Port("match", "label", (1,), labels=("no", "yes"), task="score")
    whole = Split(x, (x[:, 0] > 0).long(), cg.Signature((row,), (match,)))
    thirds = [whole.select(range(start, start + 80)) for start in (0, 80, 160)]
    data = assemble("pairs", dict(zip(("train", "valid", "test"), thirds, strict=True)))
    run = cg.train("mlp", data, epochs=20, folder=tmp_path / "run")
    assert cg.evaluate(run, data).metrics["accuracy"] > 0.9
    sure = torch.tensor([[3.0, 0, 0, 0], [-3.0, 0, 0, 0]])
    assert [answer["label"] for answer in cg.predict(run, sure)] == ["yes", "no"]
    yes, no = (cg.explain(run, sure, target=target) for target in ("yes", 0))
    torch.testing.assert_close(yes, -no)
    own = cg.explain(run, sure)
    torch.testing.assert_close(own, torch.stack([yes[0], no[1]]))
    assert yes[0].sum() > 0  # from the lowest inputs, which are surely none, to a sure match
    found = robustness(run, data, method="pgd:eps=1", examples=80)
    assert found.robust < found.clean - 0.2
