"""Pictures of explanations and attacks."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from cartograd.apps.report import png as pictures
from cartograd.apps.results.explanation import contributions
from cartograd.core.build import build
from cartograd.core.ports import Column, Port, Signature
from cartograd.engine.files.bundle import write_bundle
from cartograd.training.optimizers import gd

IMAGE = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0))
COLOUR = Port("image", "image", (3, 8, 8), bounds=(0.0, 1.0))
POINT = Port("point", "vector", (2,))
ROW = Port(
    "row",
    "table",
    (4,),
    columns=(Column("age", indicator=True), Column("town", categories=("Bonn", "Oslo"))),
)


def colours(path):
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    red = (pixels[..., 0] - pixels[..., 2]).max()
    return int(red), int((pixels[..., 2] - pixels[..., 0]).max())


@pytest.mark.parametrize("port", [IMAGE, COLOUR])
@pytest.mark.parametrize("count", [1, 3, 20])
def test_what_speaks_for_is_red_and_against_is_blue(tmp_path, port, count):
    x = torch.rand(count, *port.dims)
    heat = torch.ones_like(x)
    path = pictures.explained(tmp_path / "for.png", port, x, heat, ["a"] * count, [[]] * count)
    assert colours(path)[0] > 100
    path = pictures.explained(tmp_path / "against.png", port, x, -heat, ["a"] * count, [[]] * count)
    assert colours(path)[1] > 100


def test_rows_become_bars(tmp_path):
    x = torch.randn(2, 4)
    path = pictures.explained(tmp_path / "bars.png", ROW, x, x, ["one", "two"], [[], []])
    assert min(colours(path)) > 50


def test_the_features_of_a_column_are_added_up():
    names, values = contributions(ROW, torch.tensor([1.0, 2.0, 4.0, 8.0]), [])
    assert dict(zip(names, values.tolist(), strict=True)) == {"age": 3.0, "town": 12.0}
    names, values = contributions(POINT, torch.tensor([1.0, 2.0]), ["1 a"])
    assert (names, values.tolist()) == (["1 a"], [1.0]), "what fills up the text is left out"
    names, _ = contributions(POINT, torch.tensor([1.0, 2.0]), [])
    assert names == ["point[0]", "point[1]"]


def test_an_attack_is_drawn_where_it_can_be(tmp_path):
    x = torch.rand(3, 1, 8, 8)
    titles = [("says a", "says b")] * 3
    assert pictures.attacked(tmp_path / "a.png", IMAGE, x, 1 - x, titles) == tmp_path / "a.png"
    points = torch.rand(5, 2)
    assert pictures.attacked(tmp_path / "b.png", POINT, points, points + 1, titles) is not None
    assert (
        pictures.attacked(tmp_path / "c.png", ROW, torch.rand(3, 4), torch.rand(3, 4), titles)
        is None
    )
    assert pictures.attacked(tmp_path / "d.png", IMAGE, x[:0], x[:0], []) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_show_draws_a_schedule(cli_run, tmp_path):
    words = ("show", "schedule", "cosine:warmup=0.1", "--steps", "50", "--lr", "0.2")
    text = cli_run(*words, "--out", "rates.png").out
    assert "cosine:warmup=0.1: learning rate over 50 steps" in text
    assert "0.2 |" in text
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    found = cli_run(*words, "--json").json
    assert len(found["rates"]) == 50
    assert max(found["rates"]) == 0.2


@pytest.mark.place("activation/sigmoid")
def test_show_draws_an_activation_with_its_saturation(cli_run, tmp_path):
    """sigmoid(z) (1 - sigmoid(z)) is below a twentieth of 1/4 from |z| = 4.3567 on."""
    done = cli_run("show", "sigmoid", "--out", "sigmoid.png", "--json").json
    assert (tmp_path / "sigmoid.png").read_bytes().startswith(b"\x89PNG")
    (low, left), (right, high) = done["saturated"]
    assert (low, high) == (-8, 8)
    edge = -math.log((1 - math.sqrt(0.95)) / (1 + math.sqrt(0.95)))
    assert -left == right == pytest.approx(edge, abs=0.01)
    assert done["largest_slope"] == pytest.approx(0.25)
    relu = cli_run("show", "relu", "--out", "relu.png").out
    assert "saturated  -8 to 0 (of -8 to 8)" in relu
    for words, message in (
        (("mlp",), "is of kind model"),
        (("activation", "softmax"), "no curve to draw"),
    ):
        refused = cli_run("show", *words, "--out", "no.png")
        assert refused.code == 2
        assert message in refused.err
        assert not (tmp_path / "no.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("schedule", "cosin"), "unknown schedule 'cosin'; did you mean 'cosine'"),
        (("schedule",), "show schedule SPEC"),
        (("mlp", "cosine"), "show schedule SPEC"),
        (("schedule", "cosine", "--steps", "0"), "steps=0 is out of range"),
        (("schedule", "cosine:warmup=2000"), "takes 2000 steps and the run has only 1000"),
        (("schedule", "StepLR"), "step needs every"),
    ],
)
def test_a_schedule_that_cannot_be_drawn_is_one_line(cli_run, words, message):
    done = cli_run("show", *words)
    assert done.code == 2
    assert message in done.err


def test_trace_draws_the_three_descents(cli_run, tmp_path, monkeypatch):
    monkeypatch.setattr(gd, "descent", partial(gd.descent, epochs=1))
    found = cli_run("trace", "descent", "--out", "descent.png", "--json").json
    assert [one["name"] for one in found] == ["batch", "mini-batch", "stochastic"]
    assert (tmp_path / "descent.png").read_bytes().startswith(b"\x89PNG")
    assert "unknown trace 'descen'; did you mean 'descent'" in cli_run("trace", "descen").err


def test_show_draws_an_augmentation(cli_run, tmp_path):
    path = tmp_path / "sheet.png"
    words = ("show", "augment", "crop:padding=1,erase", "--epochs", "3", "--out", str(path))
    done = cli_run(*words, "--json")
    assert done.json["examples"] == 8
    assert done.json["epochs"] == 3
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "as they are and in 3 epochs" in cli_run(*words).out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("flop",), "did you mean 'flip'"),
        (("flip", "--data", "moons"), "of kind 'vector'"),
        (("flip", "--epochs", "0"), "expected at least 1"),
    ],
)
def test_show_refuses_what_does_not_fit(cli_run, tmp_path, words, part):
    done = cli_run("show", "augment", *words, "--out", str(tmp_path / "sheet.png"))
    assert done.code == 2
    assert part in done.err
    assert not (tmp_path / "sheet.png").exists()


def test_trace_shows_what_layers_see(cli_run):
    rows = cli_run("trace", "field", "vgg11", "--size", "64", "--json").json
    assert [row["field"][0] for row in rows[:4]] == [3, 4, 8, 10]
    assert "28 x 28" in cli_run("trace", "field").out
    assert "sees" in cli_run("trace", "field", "resnet20").out
    assert "unknown model 'resnet5'" in cli_run("trace", "field", "resnet5").err


def test_trace_draws_classical_filters(cli_run, tmp_path):
    rows = cli_run("trace", "filters", "--out", "filters.png", "--json").json
    assert max(row["gap"] for row in rows) < 1e-10
    assert max(colours(tmp_path / "filters.png")) < 20
    assert "pyramid" in cli_run("trace", "filters").out


@pytest.mark.place("cnn/conv")
def test_trace_draws_feature_maps(cli_run, tmp_path):
    signature = Signature((IMAGE,), (Port("class", "label", (3,)),))
    write_bundle(tmp_path / "net", build("lenet5", signature=signature))
    Image.new("L", (8, 8), 100).save(tmp_path / "digit.png")
    found = cli_run("trace", "maps", "net", "digit.png", "--json").json
    assert [row["layer"] for row in found["layers"]] == ["c1", "c3"]
    assert max(colours(tmp_path / "maps.png")) < 20
    for words in (("maps",), ("maps", "net"), ("filters", "more"), ("field", "lenet5", "more")):
        assert cli_run("trace", *words).code == 2
    assert "has no picture" in cli_run("trace", "field", "--out", "x.png").err
