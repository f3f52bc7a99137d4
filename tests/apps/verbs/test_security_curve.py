"""The security curve, where it can be worked out by hand, and what makes it lie."""

import json

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.verbs.attack_size import size_notes
from cartograd.core.errors import UsageError
from cartograd.core.ports import Column, Port, Signature
from cartograd.data.dataset.dataset import Split
from tests.commands import command

POINT = Port("point", "vector", (2,), bounds=(-4.0, 4.0))
SIDE = Port("side", "label", (2,), labels=("left", "right"))
METHODS = ("pgd:steps=5", "fgsm")


def linear(port=POINT, weight=((-1.0, 0.0), (1.0, 0.0)), around=None):
    layer = nn.Linear(port.size, 2, bias=False)
    layer.weight.data = torch.tensor(weight)
    return cg.sign(around(layer) if around else layer, Signature((port,), (SIDE,)))


@pytest.fixture
def split():
    x = torch.linspace(-2, 2, 40)[:, None] * torch.tensor([1.0, 0.3])
    return Split(x, (x[:, 0] > 0).long(), Signature((POINT,), (SIDE,)))


def test_a_curve_that_can_be_worked_out(split):
    model = linear()
    found = cg.security_curve(model, split, METHODS, eps=(1.5, 0.5))
    assert found.eps == (0.5, 1.5)
    assert found.clean.value == 1
    by_hand = [(split.inputs[:, 0].abs() > size).float().mean().item() for size in found.eps]
    for method in METHODS:
        assert [share.value for share in found.shares[method]] == pytest.approx(by_hand)
        assert all(share.low <= share.value <= share.high for share in found.shares[method])
    control = [share.value for share in found.shares["random"]]
    assert all(mine > theirs for mine, theirs in zip(control, by_hand, strict=True))
    assert all(check.passed for check in found.checks)
    assert not model.model._forward_pre_hooks
    assert not model._forward_pre_hooks
    assert found.passes["fgsm"] < found.passes["pgd:steps=5"]


def test_the_shortest_change_is_looked_for_once(split):
    found = cg.security_curve(linear(), split, ["ddn:steps=60"], eps=(0.51, 1.52), norm="l2")
    by_hand = [(split.inputs[:, 0].abs() > size).float().mean().item() for size in found.eps]
    assert [share.value for share in found.shares["ddn:steps=60"]] == pytest.approx(by_hand)
    assert found.passes["ddn:steps=60"] < 70


def test_changes_are_made_for_another_model(split):
    """One that looks at the wrong number misleads nobody; the right one does as the own."""
    askew = linear(weight=((0.0, -1.0), (0.0, 1.0)))
    own, same, other = (
        cg.security_curve(linear(), split, ["mi-fgsm"], eps=(1.0,), surrogate=maker)
        for maker in (None, linear(), askew)
    )
    shares = [found.shares["mi-fgsm"][0].value for found in (own, same, other)]
    assert shares[0] == shares[1] < shares[2] == 1
    assert len(same.checks) == len(own.checks) + 1
    assert same.checks[0].passed
    both = cg.security_curve(linear(), split, ["mi-fgsm"], eps=(1.0,), surrogate=[linear(), askew])
    assert both.shares["mi-fgsm"][0].value == shares[0]
    with pytest.raises(UsageError, match="names no model; give at least one"):
        cg.security_curve(linear(), split, eps=(1.0,), surrogate=[])
    wide = linear(Port("row", "vector", (3,), bounds=(-4.0, 4.0)), ((1.0, 0, 0), (0, 1.0, 0)))
    with pytest.raises(UsageError, match=r"the other model takes inputs of shape \(3,\), this one"):
        cg.security_curve(linear(), split, eps=(1.0,), surrogate=wide)


class Stairs(nn.Module):
    """Rounds its inputs: no gradient comes through."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner((4 * x).round() / 4)


class Noisy(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, x):
        return self.inner(x) + 0.01 * torch.randn(len(x), 2, generator=self.generator)


@pytest.mark.parametrize(
    ("around", "failed"),
    [
        (
            Stairs,
            {
                "changes over the whole range leave nothing",
                "questions alone do no better than gradients",
                "gradients are there",
            },
        ),
        (lambda inner: nn.Sequential(inner, nn.Softmax(1)), {"answers are logits"}),
        (Noisy, {"answers repeat"}),
    ],
)
def test_masked_gradients_are_told(split, around, failed):
    masked = linear(around=around)
    found = cg.security_curve(masked, split, ["pgd:steps=3,restarts=0"], eps=(1.0,))
    told = {check.name for check in found.checks if not check.passed}
    assert failed <= told
    assert (
        around is Noisy or told == failed
    )  # what falls by chance may stand when it is asked again


def test_categories_stay_and_columns_are_named(tmp_path):
    port = Port(
        "row", "table", (4,),
        columns=(Column("age"), Column("town", ("Bonn", "Oslo")), Column("income")),
    )  # fmt: skip
    model = linear(port, ((-1.0, -3.0, 3.0, -0.5), (1.0, 3.0, -3.0, 0.5)))
    x = torch.tensor([[0.2, 0, 0, 0.4], [0.1, 0, 0, 1.0], [-0.3, 0, 0, -0.2], [1.0, 1, 0, 0.3]])
    split = Split(x, model(x).argmax(1), model.signature)
    found = cg.security_curve(model, split, ["pgd:steps=5"], eps=(0.5,))
    assert found.shares["pgd:steps=5"][0].value == 0.25
    moved = (found.shown.adversarial != found.shown.inputs).any(0)
    assert moved.tolist() == [True, False, False, True]
    page = found.draw(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "income" in page
    assert "town" not in page


def test_of_a_series_moments_are_named(tmp_path):
    port = Port("sensor", "vector", (3, 2), bounds=(-1.0, 1.0))
    layer = nn.Linear(6, 2, bias=False)
    layer.weight.data = torch.tensor([[0.0, 0, 0, 0, 0, -1.0], [0, 0, 0, 0, 0, 1.0]])
    model = cg.sign(nn.Sequential(nn.Flatten(), layer), Signature((port,), (SIDE,)))
    x = torch.full((5, 3, 2), 0.1)
    split = Split(x, torch.ones(5).long(), model.signature)
    found = cg.security_curve(model, split, ["fgsm"], eps=(0.05, 0.2))
    assert [share.value for share in found.shares["fgsm"]] == [1, 0]
    page = found.draw(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "moment 3, number 2" in page
    assert "moment 1" not in page


def test_sizes_in_another_unit():
    grey = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0))
    bytes_ = Port("image", "image", (1, 8, 8), bounds=(0, 255))
    assert "8/255 = 0.03137" in size_notes(8, "linf", grey, 64)[0]
    assert "0.03 * 255 = 7.65" in size_notes(0.03, "linf", bytes_, 64)[0]
    for eps, norm, port in ((0.03, "linf", grey), (2, "l2", grey), (8, "linf", bytes_)):
        assert size_notes(eps, norm, port, 64) == []


@pytest.mark.parametrize(
    ("methods", "options", "message"),
    [
        (["ddn"], {}, "ddn measures changes by l2, not by linf; by either do apgd, autoattack"),
        (["fgsm"], {"norm": "l2"}, "fgsm measures changes by linf"),
        (["pgd:eps=0.1"], {}, "says its eps itself"),
        (["pgd"], {"eps": (0.1, -1)}, "expected numbers above 0"),
        (["pgd"], {"norm": "l1"}, "norm 'l1'"),
        ([], {}, "there is no method"),
        ("hotflip", {}, "hotflip changes texts"),
    ],
)
@pytest.mark.untyped
def test_what_is_no_curve(split, methods, options, message):
    with pytest.raises(UsageError, match=message):
        cg.security_curve(linear(), split, methods, **options)


@pytest.mark.untyped
def test_tokens_do_not_move_by_a_little():
    text = Port("text", "text", ("t",), "int64", (0, 9))
    model = cg.sign(nn.Sequential(nn.EmbeddingBag(10, 2)), Signature((text,), (SIDE,)))
    split = Split(torch.ones(4, 3).long(), torch.zeros(4).long(), model.signature)
    with pytest.raises(UsageError, match="little; attack texts by one method: hotflip"):
        cg.security_curve(model, split, "synonym-swap")


def test_a_text_attack_that_changes_nothing_says_so():
    text = Port("text", "text", (3,), "int64", (0, 9))
    layers = nn.Sequential(nn.Embedding(10, 2), nn.Flatten(), nn.Linear(6, 2))
    model = cg.sign(layers, Signature((text,), (SIDE,)))
    split = Split(torch.ones(4, 3).long(), torch.zeros(4).long(), model.signature)
    found = cg.robustness(model, split, method="synonym-swap:similarity=1")
    assert torch.equal(found.adversarial, split.inputs)
    assert found.notes[0].startswith("synonym-swap found nothing in these texts to change")


def test_the_command_prints_a_curve_and_writes_a_page(tmp_path, monkeypatch, capsys):
    run = cg.train(
        "softmax-regression", "digits", epochs=1, folder=tmp_path / "run", progress=False
    )
    monkeypatch.chdir(tmp_path)
    call = command(capsys, monkeypatch)
    words = ("attack", run.folder, "--method", "pgd:steps=3", "--method", "fgsm", "--eps", "0.05",
             "--eps", "8", "--examples", "20")  # fmt: skip
    told = call(*words, "--json").json
    found = cg.security_curve(
        run.folder, "digits", ("pgd:steps=3", "fgsm"), eps=(0.05, 8), examples=20
    )
    assert told["curves"] == json.loads(json.dumps(found.to_json()["curves"]))
    assert told["eps"] == [0.05, 8]
    assert "8/255" in told["notes"][0]
    page = (run.folder / "attack.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") >= 3
    assert "<script" not in page
    shown = call(*words)
    assert "pgd:steps=3" in shown.out
    assert "questions alone" in shown.out
