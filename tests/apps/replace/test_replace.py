"""May B replace A: runs and bundles on points, tables and pictures, through the command."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import cartograd as cg
from cartograd.apps.replace.questions import Questions
from cartograd.apps.replace.regions import regions
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Split
from tests.commands import command


@pytest.fixture
def cli(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    return command(capsys, monkeypatch)


def points(*, labels=("left", "right"), n=400):
    """Points on a line of two classes."""
    x = torch.linspace(-2, 2, n)[:, None] * torch.tensor([1.0, 0.3])
    signature = Signature(
        (Port("point", "vector", (2,), bounds=(-4.0, 4.0)),),
        (Port("side", "label", (2,), labels=labels),),
    )
    return Split(x, (x[:, 0] > 0).long(), signature)


def linear(split, shift=0.0, *, labels=("left", "right")):
    """A model that parts the points at `shift`."""
    layer = nn.Linear(2, 2)
    layer.weight.data = torch.tensor([[-2.0, 0.0], [2.0, 0.0]])
    layer.bias.data = torch.tensor([2 * shift, -2 * shift])
    output = Port("side", "label", (2,), labels=labels)
    return cg.sign(layer, Signature(split.signature.inputs, (output,)))


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table in which B, learned without the column that counts, is worse where it is above 50."""
    path = tmp_path_factory.mktemp("table") / "people.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["age", "town", "buys"])
        for i in range(400):
            age, town = 20 + (i * 37) % 60, ("Ulm", "Bonn", "Kiel")[i % 3]
            rows.writerow([age, town, "yes" if (age > 50) == (town != "Kiel") else "no"])
    return path


def test_a_model_may_replace_itself():
    split = points()
    model = linear(split)
    found = cg.replace(model, model, split, margin="accuracy=1%")
    assert (found.word, found.may, found.changes, found.parting) == ("may", True, (), None)
    assert found.metrics[0].gain == 0
    assert json.loads(json.dumps(found.to_json()))["verdict"] == "may"


def test_a_worse_one_may_not_and_says_where():
    split = points()
    found = cg.replace(linear(split), linear(split, 0.5), split, margin="accuracy=2%")
    assert found.word == "may not"
    assert {one.became for one in found.changes} == {"wrong"}
    assert len(found.changes) == int(((split.inputs[:, 0] > 0) & (split.inputs[:, 0] < 0.5)).sum())
    by_class = {one.name: (one.wrong, one.right) for one in found.groups if one.way == "class"}
    assert by_class == {"left": (0, 0), "right": (len(found.changes), 0)}
    rules = [one.rule for one in found.regions if one.confirmed]
    assert rules
    assert all("number 1" in rule for rule in rules)
    assert "may not replace" in found.said


def test_the_other_way_round_it_may():
    split = points()
    found = cg.replace(linear(split, 0.5), linear(split), split, margin="accuracy=2%")
    assert found.word == "may"
    assert not [one for one in found.regions if one.confirmed]


def test_few_examples_are_too_few():
    split = points(n=30)
    found = cg.replace(linear(split), linear(split, 0.01), split, margin="accuracy=0.5%")
    assert found.word == "too few"
    assert found.more > 100
    assert "more needed" in found.said


def test_classes_in_another_order_are_matched_by_name():
    split = points()
    turned = linear(split, labels=("right", "left"))
    turned.model.weight.data = turned.model.weight.data.flip(0)
    assert cg.replace(linear(split), turned, split, margin="accuracy=1%").changes == ()


def test_other_classes_are_named():
    split = points()
    with pytest.raises(UsageError, match=r"alone knows 'left'.*alone knows 'up'"):
        cg.replace(linear(split), linear(split, labels=("up", "right")), split)


def test_what_is_no_form_is_refused():
    split = points()
    with pytest.raises(UsageError, match="does not exist"):
        cg.replace(linear(split), "nowhere", split)
    with pytest.raises(UsageError, match="no data in common"):
        cg.replace(linear(split), linear(split))
    with pytest.raises(UsageError, match="margin mae"):
        cg.replace(linear(split), linear(split), split, margin="mae=1")
    with pytest.raises(UsageError, match="slices=age is a column of a table"):
        cg.replace(linear(split), linear(split), split, slices="age")


def test_the_model_is_left_as_it_was():
    split = points()
    a, b = linear(split), linear(split, 0.3)
    a.train()
    state = torch.get_rng_state()
    cg.replace(a, b, split)
    assert a.training
    assert not a.model._forward_hooks
    assert torch.equal(torch.get_rng_state(), state)


def test_a_limit_that_is_not_kept_is_no_pass():
    split = points()
    model = linear(split)
    found = cg.replace(model, model, split, margin="accuracy=1%", max="size=10B")
    assert (found.word, [one.kept for one in found.limits]) == ("may not", [False])
    kept = cg.replace(model, model, split, margin="accuracy=1%", max="size=1kB,latency=60s")
    assert kept.may


def learned(data, *, blind=False):
    """A small network of the table; `blind` to the first column."""
    model = cg.build("mlp:widths=[16]", signature=data.signature)
    see = torch.ones(data.signature.input.dims[0])
    see[0] = 0.0 if blind else 1.0
    steps = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(data.train.inputs * see), data.train.targets)
        steps.zero_grad()
        loss.backward()
        steps.step()
    if blind:
        next(model.parameters()).data[:, 0] = 0.0
    return model


@pytest.mark.chart
def test_two_bundles_on_a_table_by_the_command(cli, table, tmp_path):
    data = cg.dataset(f"csv:{table},target=buys")
    for name in ("a", "b"):
        cg.save(learned(data, blind=name == "b"), tmp_path / name, examples=data.test.inputs)
    words = "replace", "a", "b", "--data", table, "--target", "buys", "--part", "all"
    done = cli(*words, "--margin", "accuracy=5%", "nll=0.1", "--slices", "town", "--json")
    told = done.json
    measured = cg.evaluate(tmp_path / "a", f"csv:{table},target=buys", part="all")
    for one in told["metrics"]:
        assert one["a"] == pytest.approx(measured.metrics[one["metric"]], abs=1e-6)
    assert (done.code, told["verdict"]) == (1, "may not")
    assert {one["name"] for one in told["groups"] if one["way"] == "town"} == {
        "Ulm",
        "Bonn",
        "Kiel",
    }
    assert any("age" in one["rule"] for one in told["regions"] if one["confirmed"])
    page = (tmp_path / "replace-a-b.html").read_text(encoding="utf-8")
    assert "may not replace" in page
    assert "Regions in which B is worse" in page
    again = cli("replace", "b", "a", "--data", table, "--target", "buys", "--margin", "accuracy=5%")
    assert again.code == 0
    assert "may replace" in again.out
    assert cli(*words, "--margin", "accuracy=5", "--out", "no.html").code == 2
    assert not (tmp_path / "no.html").exists()


def test_pictures_of_a_folder_go_in_as_files(tmp_path):
    for i in range(60):
        side = ("dark", "light")[i % 2]
        file = tmp_path / "pictures" / side / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (12 + i % 5, 12), 40 + 140 * (i % 2)).save(file)
    port = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0), mean=(0.5,), std=(0.25,))
    output = Port("side", "label", (2,), labels=("dark", "light"))
    signature = Signature((port,), (output,))
    nets = []
    for sign in (1.0, -1.0):
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
        net[1].weight.data = sign * torch.tensor([[-1.0], [1.0]]).expand(2, 64) / 64
        net[1].bias.data.zero_()
        nets.append(cg.sign(net, signature))
    found = cg.replace(*nets, tmp_path / "pictures", margin="accuracy=5%")
    assert len(found.questions) == 60, (
        "data that are not those of the training are asked as a whole"
    )
    assert found.word == "may not"
    assert found.questions.sources[0].suffix == ".png"
    assert found.parting.stage == "layer 1, Linear"
    assert found.parting.after == "layer 0", "flattened pixels are the last that agree"
    assert "data:image/png" in found.draw(tmp_path / "page.html").read_text(encoding="utf-8")


def test_values_are_compared_by_their_errors():
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(300, 1, generator=draw)
    signature = Signature((Port("x", "vector", (1,)),), (Port("y", "value", (1,)),))
    data = Split(x, 2 * x + 0.1 * torch.randn(300, 1, generator=draw), signature)
    nets = []
    for slope in (2.0, 1.0):
        net = nn.Linear(1, 1)
        net.weight.data, net.bias.data = torch.tensor([[slope]]), torch.zeros(1)
        nets.append(cg.sign(net, signature))
    found = cg.replace(*nets, data, margin="rmse=0.05")
    assert found.word == "may not"
    assert found.changes[0].became == "worse"
    assert found.changes[0].by == max(one.by for one in found.changes)
    assert any("number 1 >" in one.rule for one in found.regions if one.confirmed)
    assert cg.replace(*nets[::-1], data, margin="rmse=0.05").word == "may"


def test_two_functions_need_no_signature(tmp_path):
    """Pictures of several sizes, which no form has to bring to one for the other."""
    for i in range(40):
        file = tmp_path / ("dark", "light")[i % 2] / f"{i}.png"
        file.parent.mkdir(exist_ok=True)
        Image.new("L", (9 + i, 12), 40 + 140 * (i % 2)).save(file)

    def says(files):
        light = [Image.open(file).getpixel((0, 0)) > 100 for file in files]
        return [{"dark": 1.0 - one, "light": float(one)} for one in light]

    def says_otherwise(files):
        return [{"light": 0.4, "dark": 0.6}] * len(files)

    found = cg.replace(says, says_otherwise, tmp_path, margin="accuracy=10%")
    assert found.word == "may not"
    assert {one.became for one in found.changes} == {"wrong"}
    assert found.parting.stage == "answer"


def test_regions_are_rarely_confirmed_by_chance():
    """Answers that change at random: of 60 samples at most 5 % have a region that is confirmed."""
    split = points(n=200)
    questions = Questions("points", list(split.inputs), split)
    rng, confirmed, drawn = np.random.default_rng(0), 0, 60
    for _ in range(drawn):
        sides = (torch.tensor(rng.random((200, 1)) < 0.8) for _ in range(2))
        pair = tuple(
            torch.where(good, 0.9, 0.1) * one + torch.where(good, 0.1, 0.9) * (1 - one)
            for good in sides
            for one in [nn.functional.one_hot(split.targets, 2).double()]
        )
        found, why = regions(questions, pair, seed=int(rng.integers(100)))
        assert not why
        confirmed += any(one.confirmed for one in found)
    assert confirmed / drawn <= 0.05
