"""Each section of the card where what it must find is known, because it was put there."""

import json
import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import cartograd as cg
from cartograd.apps.audit.corruptions import letters, numbers, pictures
from cartograd.apps.audit.figure import Figure
from cartograd.apps.audit.sections.backdoor import Backdoor
from cartograd.apps.audit.sections.calibration import Calibration, temperature
from cartograd.apps.audit.sections.certified import Certified
from cartograd.apps.audit.sections.corruption import Corruption
from cartograd.apps.audit.sections.fairness import Fairness, gap
from cartograd.apps.audit.sections.privacy import Privacy, _epsilon
from cartograd.apps.audit.sections.security import Security, random_tokens
from cartograd.apps.audit.subject import subject_of
from cartograd.core.column import Column
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.decode.table import Table

SIDE = Port("side", "label", (2,), labels=("left", "right"))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def line(port, *weights):
    """A model whose second class has these weights, and the first their negatives."""
    layer = nn.Linear(port.size, 2, bias=False)
    layer.weight.data = torch.tensor([[-w for w in weights], list(weights)])
    return cg.sign(layer, Signature((port,), (SIDE,)))


def of(model, data, **told):
    told = {"part": None, "most": 1000, "slices": "", "seed": 0, "device": "cpu"} | told
    return subject_of(model, data, **told)


def figures(section, subject):
    return {one.name: one for one in section.measure(subject).figures}


def split_of(port, x, y, **more):
    return Split(x, y.long(), Signature((port,), (SIDE,)), **more)


@pytest.fixture
def points():
    port = Port("point", "vector", (2,), bounds=(-4.0, 4.0))
    x = torch.linspace(-2, 2, 200)[:, None] * torch.tensor([1.0, 0.3])
    return port, split_of(port, x, x[:, 0] > 0)


def test_the_temperature_is_what_logits_were_stretched_by():
    chances = torch.rand(4000, generator=generator(), dtype=torch.float64).clamp(0.05, 0.95)
    y = torch.bernoulli(chances, generator=generator(1)).long()
    logits = torch.stack([torch.zeros_like(chances), chances.logit()], 1)
    value, low, high = temperature(3 * logits, y)
    assert low < 3 < high
    grid = torch.linspace(2, 4, 401, dtype=torch.float64)
    least = min(grid.tolist(), key=lambda t: float(F.cross_entropy(3 * logits / t, y)))
    assert value == pytest.approx(least, abs=0.005)
    own = temperature(logits, y)
    assert [3 * one for one in own] == pytest.approx([value, low, high], rel=1e-4)


def test_a_boaster_warns_and_a_calibrated_model_passes(points):
    port, _ = points
    x = 2 * torch.randn(600, 2, generator=generator())
    y = torch.bernoulli(torch.sigmoid(2 * x[:, 0]), generator=generator(1))
    data = split_of(port, x, y)
    honest, boaster = (figures(Calibration(), of(line(port, w, 0.0), data)) for w in (1.0, 12.0))
    assert honest["ece"].mark == honest["temperature"].mark == "pass"
    assert boaster["ece"].value > 2 * honest["ece"].value
    assert boaster["temperature"].mark == "warn"
    assert boaster["temperature"].low > 6
    assert boaster["ece_after"].value < boaster["ece"].value / 2


@pytest.mark.parametrize("kind", pictures.KINDS)
def test_pictures_get_worse_by_severity(kind):
    x = torch.rand(4, 1, 12, 12, generator=generator())
    moved = [pictures.KINDS[kind](x, severity, generator()) for severity in (1, 3, 5)]
    apart = [(one - x).abs().mean().item() for one in moved]
    assert 0 < apart[0] < apart[1] < apart[2]
    assert torch.equal(moved[0], pictures.KINDS[kind](x, 1, generator()))
    assert all(one.shape == x.shape for one in moved)


def test_a_missing_cell_is_what_the_model_takes_for_one():
    columns = (Column("age", indicator=True), Column("sex", categories=("f", "m")))
    port = Port("row", "table", (4,), columns=columns)
    x = torch.tensor([[1.5, 0.0, 0.0, 1.0]]).repeat(500, 1)
    moved = numbers.missing(x, port, 5, generator())
    gone = moved[:, 1] == 1
    assert 0.5 < gone.double().mean() < 0.7
    assert bool((moved[gone, 0] == 0).all())
    assert set(moved[:, 2:].sum(1).tolist()) == {0.0, 1.0}
    noisy = numbers.noise(x + torch.randn(500, 1, generator=generator()), port, 3, generator())
    assert torch.equal(noisy[:, 1:], (x + torch.randn(500, 1, generator=generator()))[:, 1:])
    dealt = numbers.swapped(torch.arange(500.0)[:, None], Port("n", "vector", (1,)), 5, generator())
    assert 0.5 < (dealt[:, 0] != torch.arange(500.0)).double().mean() < 0.7
    assert set(dealt[:, 0].tolist()) <= set(range(500))


def test_slips_of_the_pen_are_as_many_as_asked():
    cases = [letters.slipped("a" * 4000, share, generator()).count("A") for share in letters.SHARES]
    assert cases == sorted(cases)
    for count, share in zip(cases, letters.SHARES, strict=True):
        assert count / 4000 == pytest.approx(share / 4, abs=0.01), "a quarter is in the wrong case"


def test_corruption_costs_and_comes_to_guessing(points):
    port, split = points
    found = Corruption().measure(of(line(port, 1.0, 0.0), split))
    told = {one.name: one for one in found.figures}
    assert found.details["clean"] == 1
    curve = found.details["curves"]["missing"]
    assert curve == sorted(curve, reverse=True)
    assert 0.6 < curve[-1] < 0.8, "of three fifths half are right by chance"
    assert told["missing"].value == pytest.approx(sum(curve) / 5)
    assert told["mean"].mark == "pass"
    blind = Corruption().measure(of(line(port, 0.0, -1e-9), split)).figures[0]
    assert blind.mark != "pass"


def test_attacks_are_those_of_the_security_curve(points):
    port, split = points
    model = line(port, 1.0, 0.0)
    found = figures(Security(), of(model, split).few(60))
    x = of(model, split).few(60).examples.inputs[:, 0].abs()
    by_hand = [(x > 8 * share).double().mean().item() for share in (0.01, 0.02, 0.05, 0.1)]
    sizes = ("eps_1pct", "eps_2pct", "eps_5pct", "eps_10pct")
    assert [found[name].value for name in sizes] == pytest.approx(by_hand)
    assert all(found[name].value <= found[name].control for name in sizes)
    assert found["failed_checks"].mark == "pass"
    least = found["smallest_change"]
    assert least.value == pytest.approx(x.sort().values[29].item(), rel=0.1), "straight to the line"
    assert least.low < least.value < least.high


def test_what_is_proved_of_a_line_is_what_stands(points):
    """Of one layer the lines of CROWN are exact, so that nothing is unknown."""
    port, split = points
    subject = of(line(port, 1.0, 0.0), split).few(60)
    found = Certified().measure(subject)
    told = {one.name: one for one in found.figures}
    x = subject.examples.inputs[:, 0].abs()
    for share in (0.01, 0.02, 0.05, 0.1):
        own = told[f"proved_{100 * share:g}pct"]
        assert own.value == pytest.approx((x > 8 * share).double().mean().item())
        assert own.value == own.control
    assert told["contradictions"].mark == "pass"
    assert found.details["methods"]["ibp"] == found.details["methods"]["crown"]


def test_as_many_tokens_change_at_random():
    x = torch.arange(1, 61).reshape(3, 20).clone()
    x[0, 10:] = 0
    moved = random_tokens(x, 0.1, 0, generator())
    assert (moved != x).sum(1).tolist() <= [1, 2, 2]
    assert bool((moved[0, 10:] == 0).all())
    assert bool((moved != x).any())


def known(leak):
    """Data in parts of which the model is surer by `leak` where it has seen them."""
    port = Port("point", "vector", (2,), bounds=(-9.0, 9.0))
    model = line(port, 1.0, leak)
    side = torch.arange(120) % 2 * 2.0 - 1
    base = side * (2 + torch.randn(120, generator=generator()))
    seen, unseen = (
        split_of(port, torch.stack([base, member * side], 1), side > 0) for member in (1.0, 0.0)
    )
    return model, Dataset("planted", seen, unseen, unseen, seen.signature)


def test_a_model_that_tells_whom_it_learned_from_fails():
    model, data = known(4.0)
    leaks = figures(Privacy(), of(model, data))
    assert leaks["membership_auc"].mark == "fail"
    assert leaks["membership_auc"].low > 0.9
    assert leaks["epsilon"].value > 1
    keeps = figures(Privacy(), of(known(0.0)[0], data))
    assert keeps["membership_auc"].mark == keeps["hits_1pct"].mark == "pass"
    assert keeps["epsilon"].value == 0


def test_an_account_that_cannot_be_true_fails():
    account = {"epsilon": 1.0}
    assert _epsilon("epsilon", 3.9, account, 100).mark == "fail"
    assert _epsilon("epsilon", 0.4, account, 100).mark == "pass"
    free = _epsilon("epsilon", 3.9, None, 100)
    assert free.mark == ""
    assert Figure.from_json(json.loads(json.dumps(free.to_json()))).high == math.inf


def grouped(unfair):
    """Rows with a column of groups; of the second, this share of the answers is dealt anew."""
    port = Port("row", "table", (1,), columns=(Column("score"),))
    x = torch.randn(400, 1, generator=generator())
    second = torch.arange(400) % 2 == 1
    dealt = second & (torch.rand(400, generator=generator(1)) < unfair)
    y = torch.where(dealt, torch.rand(400, generator=generator(2)) < 0.5, x[:, 0] > 0)
    cells = [[f"{one:.3f}", "ba"[int(other)]] for one, other in zip(x[:, 0], ~second, strict=True)]
    table = Table("rows.csv", ("score", "group"), cells, list(range(400)))
    return line(port, 1.0), split_of(port, x, y, table=table)


def test_a_group_that_is_served_worse_fails():
    model, unfair = grouped(1.0)
    found = figures(Fairness(), of(model, unfair, slices="group"))
    assert found["group.accuracy"].mark == "fail"
    assert 0.35 < found["group.accuracy"].value < 0.65
    assert found["group.parity"].mark == "pass", "answers are as frequent in both"
    fair = figures(Fairness(), of(*grouped(0.0), slices="group"))
    assert fair["group.accuracy"].value == 0
    assert 0 < fair["group.accuracy"].high < 0.05, "no gap among 400 is no proof of none"
    assert {one.mark for one in fair.values()} == {"pass"}


def test_gaps_by_hand():
    values = torch.tensor([[1.0, 0.0], [0.0, torch.nan], [1.0, 1.0], [1.0, 1.0]])
    group = torch.tensor([0, 0, 1, 1])
    assert gap(values.double(), group, 2) == 1.0
    assert gap(values[:, :1].double(), group, 2) == 0.5


def test_a_column_that_is_not_there():
    with pytest.raises(UsageError, match="did you mean 'group'"):
        of(*grouped(0.0), slices="grup")


def test_a_planted_backdoor_fails(tmp_path):
    run = cg.train(
        "mlp:widths=[32]", "digits", epochs=4, folder=tmp_path / "run", progress=False,
        poison="badnets:target=3,share=0.1",
    )  # fmt: skip
    subject = replace(of(run, "digits"), seconds=0.0)
    found = Backdoor().measure(subject)
    told = {one.name: one for one in found.figures}
    assert told["suspicious_classes"].mark == "fail"
    assert found.lead.endswith("Suspicious: 3.")
    flagged = told["flagged.mahalanobis"]
    assert flagged.low > flagged.control
    assert any("neural-cleanse: it takes about" in line for line in found.untested)


class Step(nn.Module):
    """Answers by a comparison, through which no gradient comes."""

    def forward(self, x):
        side = (x[:, :1] > 0).to(x)
        return torch.cat([1 - side, side], 1) * 4


def test_what_has_no_gradient_is_only_asked(points):
    _, split = points
    subject = of(cg.sign(Step(), split.signature), split).few(30)
    found = Security().measure(subject)
    told = {one.name: one for one in found.figures}
    x = subject.examples.inputs[:, 0].abs()
    for share, name in ((0.01, "eps_1pct"), (0.1, "eps_10pct")):
        assert told[name].value == pytest.approx((x > 8 * share).double().mean().item(), abs=0.05)
    assert told["failed_checks"].mark == "warn"
    assert "smallest_change" not in told
    assert [line.partition(":")[0] for line in found.untested[:2]] == [
        "attacks by gradients", "the smallest change",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="a method that only asks: occlusion"):
        cg.explain(subject.model, split.inputs[:2], method="saliency")
