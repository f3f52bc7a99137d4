"""Verified accuracy, properties of files, ranges of columns: worked out by hand, and refused."""

import json
import re
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.certificate import Certificate
from cartograd.core.errors import UsageError
from cartograd.core.ports import Column, Port, Signature
from cartograd.data.dataset.dataset import Split
from tests.commands import command
from tests.frontier.verification.nets import trained

POINT = Port("point", "vector", (2,), bounds=(-4.0, 4.0))
SIDE = Port("side", "label", (2,), labels=("left", "right"))


def linear(port=POINT, weight=((-1.0, 0.0), (1.0, 0.0)), around=None):
    layer = nn.Linear(port.size, len(weight), bias=False)
    layer.weight.data = torch.tensor(weight)
    return cg.sign(nn.Sequential(layer, *around) if around else layer, Signature((port,), (SIDE,)))


@pytest.fixture
def split():
    x = torch.linspace(-2, 2, 20)[:, None] * torch.tensor([1.0, 0.3])
    return Split(x, (x[:, 0] > 0).long(), Signature((POINT,), (SIDE,)))


def test_verified_accuracy_that_can_be_worked_out(split, tmp_path):
    """A linear model is as sure as its inputs are far from the border: every method finds that."""
    methods = ["ibp", "crown", "alpha-crown:steps=2", "exact", "milp"]
    found = cg.verify(linear(), split, methods, eps=(1.5, 0.5))
    assert found.eps == (0.5, 1.5)
    by_hand = [(split.inputs[:, 0].abs() > size).float().mean().item() for size in found.eps]
    for told in found.methods.values():
        assert [one.proved.value for one in told] == pytest.approx(by_hand)
        assert all(one.proved.low < one.proved.value < one.proved.high for one in told)
    assert [share.value for share in found.attacked] == pytest.approx(by_hand)
    assert found.methods["exact"][0].unknown == found.fallen == 0
    assert found.clean.value == 1
    assert [row[0] for row in found.rows()] == [*methods, "pgd:steps=20 (attack)", "no change"]
    assert json.loads(json.dumps(found.to_json()))["methods"]["crown"][1]["refuted"] == 0
    page = found.draw(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "unknown" in page
    assert "<svg" in page


def test_the_sandwich_is_printed(tmp_path):
    model, x, y = trained()
    split = Split(x, y, model.signature)
    found = cg.verify(model, split, eps=(0.02,), examples=20)
    shares = [told[0].proved.value for told in found.methods.values()]
    assert shares == sorted(shares)
    assert shares[0] < shares[-1] <= found.attacked[0].value <= found.clean.value


@pytest.mark.parametrize(
    ("methods", "settings", "told"),
    [
        (["crown:eps=0.1"], {}, "crown:eps=0.1 says its eps itself"),
        ([], {}, "there is no method"),
        (["crwn"], {}, "unknown verifier 'crwn'; did you mean 'crown'?"),
        (["crown"], {"eps": (-1.0,)}, "expected numbers above 0"),
        (["crown"], {"examples": 0}, "examples=0 is out of range"),
    ],
)
def test_what_is_asked_wrongly(split, methods, settings, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        cg.verify(linear(), split, methods, **settings)


@pytest.mark.untyped
def test_one_method_and_one_size_need_no_list(split):
    assert cg.verify(linear(), split, "ibp", eps=0.5).rows() == cg.verify(
        linear(), split, ["ibp"], eps=(0.5,)
    ).rows()  # fmt: skip


def test_when_time_is_up_fewer_examples_are_looked_at(split):
    found = cg.verify(linear(), split, ["ibp"], eps=(0.5,), minutes=1e-9)
    assert found.examples == 1
    assert "1 of 20 examples were looked at before the time was up" in found.notes
    assert found.attacked[0].value in (0.0, 1.0)


def test_a_portion_is_as_large_as_ends_in_time(split, monkeypatch):
    """A second an example: after 1 and 4 of them there is time for 7 more, and not for 16."""
    clock, portions = [0.0], []

    def slow(model, x, y):
        clock[0] += len(x)
        portions.append(len(x))
        no = torch.zeros(len(x), dtype=torch.bool)
        return Certificate(no, no, torch.zeros(len(x)), x)

    verify = sys.modules["cartograd.apps.verbs.verify"]
    monkeypatch.setattr(verify, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(
        verify, "build",
        lambda spec, kind: slow if kind == "verifier" else build(spec, kind=kind),
    )  # fmt: skip
    found = cg.verify(linear(), split, ["ibp"], eps=(0.5,), minutes=0.2)
    assert portions == [1, 4, 7]
    assert "12 of 20 examples were looked at before the time was up" in found.notes


def test_distances_and_groups_have_tables_of_their_own(split):
    found = cg.verify(linear(), split, ["smoothing:draws=200,selection=20"], examples=12)
    assert found.norm == "l2"
    shares = [one.proved.value for one in found.methods["smoothing:draws=200,selection=20"]]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1] > 0
    image = Port("picture", "image", (1, 2, 2), bounds=(0.0, 1.0))
    model = cg.sign(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), Signature((image,), (SIDE,)))
    x = torch.rand(9, 1, 2, 2)
    own = Split(x, model(x).argmax(1), model.signature)
    found = cg.verify(model, own, ["invariance"])
    (told,) = found.methods["invariance"]
    assert told.proved.value == pytest.approx(1 - told.refuted / 9)
    assert found.columns == ("method", "proved", "refuted", "unknown")
    for methods, settings, said in (
        (["invariance"], {"eps": (0.1,)}, "means nothing to invariance"),
        (["invariance", "crown"], {}, "verify them apart"),
        (["invariance", "smoothing"], {}, "verify them apart"),
    ):
        with pytest.raises(UsageError, match=said):
            cg.verify(model, own, methods, **settings)


def test_other_answers_and_units_are_told(split):
    with pytest.raises(UsageError, match="verify proves of classifiers that no change turns"):
        cg.verify(cg.sign(nn.Linear(2, 1), Signature((POINT,), (Port("v", "value", (1,)),))), split)
    image = Port("picture", "image", (1, 2, 2), bounds=(0.0, 1.0))
    model = cg.sign(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), Signature((image,), (SIDE,)))
    own = Split(torch.rand(4, 1, 2, 2), torch.zeros(4).long(), model.signature)
    assert "was 8/255 = 0.03137 meant?" in cg.verify(model, own, ["ibp"], eps=(8.0,)).notes[0]


BOX = """(declare-const X_0 Real) (declare-const X_1 Real)
(declare-const Y_0 Real) (declare-const Y_1 Real)
(assert (>= X_0 {low})) (assert (<= X_0 2.0))
(assert (or (and (<= X_1 1) (>= X_1 -1)) (and (<= X_1 3) (>= X_1 2.5))))
(assert (<= Y_1 Y_0))
"""


def write(folder, text):
    path = folder / "side.vnnlib"
    path.write_text(text)
    return path


@pytest.mark.law("branch-and-bound")
@pytest.mark.parametrize("around", [None, (nn.ReLU(), nn.Linear(2, 2, bias=False))])
def test_a_property_is_proved_or_refuted_by_an_input(tmp_path, around):
    """Right of zero is answered 'right': proved of a box that is, refuted of one that is not."""
    if around:
        around[1].weight.data = torch.eye(2)
    model = linear(around=around)
    found = cg.prove(model, write(tmp_path, BOX.format(low=0.25)))
    assert (found.answer, found.cases) == ("proved", (2, 2))
    assert found.write(tmp_path / "none.txt") is None
    found = cg.prove(model, write(tmp_path, BOX.format(low=-0.25)))
    assert found.answer == "refuted"
    x = found.inputs
    assert -0.25 <= x[0] <= 0
    answers = model.eval()(x[None])[0]
    assert answers[1] <= answers[0]
    assert torch.equal(answers.double(), found.outputs)
    witness = found.write(tmp_path / "witness.txt").read_text()
    assert witness.startswith("sat\n((X_0 ")
    assert float(re.search(r"X_0 (\S+)\)", witness)[1]) == x[0]


@pytest.mark.law("branch-and-bound")
def test_a_hard_property_is_unknown_when_time_is_up(tmp_path):
    """The same question with no time left, with time, and with every input tried on a grid."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(2, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(),
                           nn.Linear(20, 2))  # fmt: skip
    model = cg.sign(layers, Signature((POINT,), (SIDE,)))
    at = torch.linspace(-1, 1, 101)
    values = model(torch.cartesian_prod(at, at))[:, 0].detach()
    text = """(declare-const X_0 Real) (declare-const X_1 Real)
(declare-const Y_0 Real) (declare-const Y_1 Real)
(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (>= X_1 -1)) (assert (<= X_1 1))
(assert (>= Y_0 {limit}))"""
    most = values.max().item()
    near = write(tmp_path, text.format(limit=most + 0.005))
    short, whole = cg.prove(model, near, minutes=1e-9), cg.prove(model, near)
    assert (short.answer, whole.answer) == ("unknown", "proved")
    assert whole.parts > 1
    below = cg.prove(model, write(tmp_path, text.format(limit=most - 0.005)))
    assert below.answer == "refuted"
    assert below.outputs[0] >= most - 0.005


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("(declare-const X_0 Real)\n(asert (<= X_0 1))", "line 2, column 2: 'asert' is not read"),
        ("(declare-const X_0 Real)\n  (assert (<= X_0 1)", "line 2, column 3: '(' is not closed"),
        ("(declare-const X_0 Real))", "line 1, column 25: ')' closes nothing"),
        ("(declare-const Z_0 Real)", "column 16: 'Z_0' is no X_0, X_1"),
        ("(declare-const X_1 Real) (declare-const Y_0 Real)", "X_0 is not declared"),
        ("(declare-const X_0 Real)(declare-const Y_0 Real)(assert (< Y_0 1))", "'<' is not read"),
        ("(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= Y_1 1))", "Y_1 is not decl"),
        ("(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= Y_0 a))", "'a' is neither"),
        (
            "(declare-const X_0 Real)(declare-const Y_0 Real)\n(assert (<= X_0 Y_0))",
            "line 2, column 10: relates an input to something else",
        ),
        ("(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= X_0 0))", "nothing of the"),
        (
            "(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= Y_0 0))"
            "(assert (<= X_0 0))(assert (>= X_0 1))",
            "X_0 has to be at least 1 and at most 0",
        ),
        (
            "(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= Y_0 0))",
            "the property is of 1 inputs, the model has 2 (point, 2); expected X_0 to X_1",
        ),
        (
            "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)"
            "(assert (<= (+ Y_0 (* 2 Y_0)) 0))",
            "the property is of 1 outputs, the model has 2 (side)",
        ),
    ],
)
def test_files_that_do_not_parse_or_fit(tmp_path, text, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        cg.prove(linear(), write(tmp_path, text))


def test_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = command(capsys, monkeypatch)
    trained_ = run("train", "mlp:widths=[6]", "--data", "moons", "--epochs", "2", "--folder", "run")
    assert trained_.code == 0, trained_.err
    done = run("verify", "run", "--method", "ibp", "--method", "crown", "--eps", "0.05",
               "--examples", "20")  # fmt: skip
    assert done.code == 0, done.err
    assert re.search(r"crown\s+\d+", done.out)
    assert (tmp_path / "run" / "verify.html").is_file()
    path = write(tmp_path, BOX.format(low=1.0).replace("(assert (<= Y_1 Y_0))",
                                                       "(assert (>= Y_0 1000))"))  # fmt: skip
    told = run("verify", "run", path, "--json")
    assert (told.code, told.json["answer"]) == (0, "proved")
    path = write(tmp_path, BOX.format(low=1.0).replace("(assert (<= Y_1 Y_0))",
                                                       "(assert (>= Y_0 -1000))"))  # fmt: skip
    told = run("verify", "run", path)
    assert told.code == 1
    assert "refuted" in told.out
    assert (tmp_path / "run" / "counterexample.txt").read_text().startswith("sat")
    for words, said in (
        (("run", path, "--eps", "0.1"), "--eps means nothing beside a property file"),
        (("run", path, "--examples", "3"), "--examples means nothing beside a property file"),
        (("run", path, "--device", "cpu"), "--device means nothing beside a property file"),
        (("run", "nowhere.vnnlib"), "cannot read nowhere.vnnlib"),
        (("run", "--range", "age=1:2"), "the model reads no table"),
        (("run", "--range", "age=1:2", "--eps", "1"), "--range is answered exactly"),
        (("run", "--range", "age=1:2", "--out", "x.html"), "--eps, --norm and --out"),
        (("run", path, "--minutes", "0"), "minutes=0.0 is out of range"),
    ):
        wrong = run("verify", *words)
        assert (wrong.code, wrong.out) == (2, "")
        assert said in wrong.err
        assert wrong.err.count("\n") == 1


@pytest.mark.law("branch-and-bound")
def test_ranges_of_columns(tmp_path):
    """Income decides, age does not; a town cannot be in a range."""
    port = Port(
        "row", "table", (4,),
        columns=(Column("age", mean=40.0, std=10.0), Column("town", ("Bonn", "Oslo")),
                 Column("income", mean=100.0, std=50.0)),
    )  # fmt: skip
    model = linear(port, ((0.0, 0, 0, -1.0), (0.0, 0, 0, 1.0)))
    x = torch.tensor([[0.2, 0, 1, 0.4], [0.1, 1, 0, 1.0], [-0.3, 0, 0, -0.2]])
    split = Split(x, model(x).argmax(1), model.signature)
    stays = cg.verify_ranges(model, split, ["age=20:60"])
    assert (stays.stay, stays.change, stays.unknown) == (3, 0, 0)
    found = cg.verify_ranges(model, split, ["income=90:130", "age=20:60"])
    assert (found.stay, found.change) == (0, 3)
    for one in found.changed:
        income, age = one.cells
        assert 90 - 1e-3 <= income <= 130 + 1e-3
        assert 20 - 1e-3 <= age <= 60 + 1e-3
        assert one.before != one.after
        assert (income >= 100) == (one.after == "right")
    positive = cg.verify_ranges(model, split, ["income=101:130"])
    assert (positive.stay, positive.change) == (2, 1)
    for word, told in (
        ("town=0:1", "holds no numbers"), ("agee=1:2", "did you mean 'age'?"),
        ("age=2:1", "expected COLUMN=LOW:HIGH"), ("age", "expected COLUMN=LOW:HIGH"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=re.escape(told)):
            cg.verify_ranges(model, split, [word])
