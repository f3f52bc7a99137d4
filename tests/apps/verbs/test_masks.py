"""One's own masks through every verb: learned, measured, written, explained, exported, refused."""

import numpy as np
import pytest
import torch
from PIL import Image

import cartograd as cg
from cartograd.apps.cli import main
from cartograd.apps.report.mask_pictures import colour, overlay
from cartograd.apps.results.of_pixels import HEAD, by_class
from cartograd.apps.verbs.plan import planned
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.frontier.explain.one_number import RegionScore
from cartograd.practice.metrics import masks as counted
from cartograd.practice.metrics.mask_iou import mask_iou


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Forty dim pictures with a bright square, and where it is."""
    root = tmp_path_factory.mktemp("masks") / "cells"
    draw = np.random.default_rng(0)
    for i in range(40):
        mask = np.zeros((12, 12), dtype=np.uint8)
        top, left = draw.integers(0, 7, 2)
        mask[top : top + 5, left : left + 5] = 1
        values = draw.integers(0, 60, (12, 12)) + 120 * mask
        for kind, one in (("images", values.astype(np.uint8)), ("masks", mask)):
            (root / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(one).save(root / kind / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def run(cells):
    folder = cells.parent / "run"
    cg.train(
        "unet:width=4,scales=1,norm=group", cells, folder=folder, epochs=20, batch_size=8, seed=0,
        augment="flip",
    )  # fmt: skip
    return folder


def classes_of(outputs, _):
    """A metric of one's own: how many classes there are."""
    return float(outputs.shape[1])


def test_masks_are_learned_and_measured_beside_plain_ways(cells, run):
    found = cg.evaluate(run, cells)
    assert found.metrics["mask-iou"] > 0.7
    assert [one.label for one in found.classes] == ["background", "object"]
    mean = sum(one.iou for one in found.classes) / 2
    assert found.metrics["mask-iou"] == pytest.approx(mean)
    constant, otsu = found.beside
    assert constant.name == 'always "background"'
    assert constant.word == "better"
    share = found.classes[0].share
    assert constant.metrics["mask-iou"] == pytest.approx(share / 2)
    assert otsu.name == "Otsu's threshold"
    assert otsu.metrics["mask-iou"] > 0.9
    assert found.to_json()["classes"][1]["label"] == "object"
    only = cg.evaluate(run, cells, metrics=["nll"])
    assert only.classes == []
    own = cg.evaluate(run, cells, metrics=[classes_of])
    assert own.classes[1].iou == pytest.approx(found.classes[1].iou)  # of all logits


def test_the_report_shows_classes_and_the_worst_pictures(run):
    page = (run / "report.html").read_text()
    assert "Class by class" in page
    assert page.count('under the answer"') == 6
    assert "the lowest IoU" in page


def test_figures_of_classes_are_those_of_the_counts():
    port = Port("mask", "label", (3, 2, 2), labels=("a", "b", "c"), task="segment")
    signature = Signature((), (port,))
    true = torch.tensor([[[0, 1], [1, -100]], [[0, 0], [1, 1]]])
    said = torch.tensor([[[0, 1], [0, 1]], [[0, 0], [1, 1]]])
    logits = torch.nn.functional.one_hot(said, 3).movedim(-1, 1).double()
    a, b, c = by_class(signature, counted.of(logits, true))
    assert (a.share, a.precision, a.recall) == pytest.approx((3 / 7, 3 / 4, 1.0))
    assert (b.iou, b.recall) == pytest.approx((3 / 4, 3 / 4))
    assert (c.iou, c.dice, c.share) == (1.0, 1.0, 0.0)  # neither there nor said
    assert len(b.row()) == len(HEAD)
    assert mask_iou(logits, true) == pytest.approx((a.iou + b.iou) / 2)


def test_predict_writes_masks_and_overlays(cells, run, tmp_path, capsys):
    pictures = [str(cells / "images" / f"{i}.png") for i in range(2)]
    assert main(["predict", str(run), *pictures, "--out", str(tmp_path / "said")]) == 0
    answers = cg.predict(run, pictures)
    for i in range(2):
        mask = Image.open(tmp_path / "said" / f"{i}.png")
        assert mask.mode == "P"
        assert np.array(mask).tolist() == answers[i]["mask"]
        over = np.array(Image.open(tmp_path / "said" / f"{i}-overlay.png"))
        plain = np.array(Image.open(pictures[i]))
        clear = np.array(mask) == 0
        assert (over[clear] == plain[clear][:, None]).all()
        assert (over[~clear][:, 0] > over[~clear][:, 1]).all()  # red
    one = tmp_path / "one.png"
    assert main(["predict", str(run), *pictures, "--out", str(one)]) == 2
    assert "2 masks do not fit into" in capsys.readouterr().err
    assert not one.exists()
    assert colour(1) == colour(11)
    assert overlay(torch.zeros(3, 2, 2), torch.zeros(2, 2, dtype=torch.long)).sum() == 0


def test_a_class_is_explained_by_its_score_over_its_region(cells, run):
    x = cg.dataset(str(cells)).test.inputs[:2]
    heat = cg.explain(run, x, target="object", method="input-x-gradient")
    assert heat.shape == x.shape
    model = cg.load(run).model.eval()
    score = RegionScore(model)(x)
    logits = model(x)
    inside = logits.argmax(1) == 1
    expected = (logits[:, 1] * inside).sum((1, 2))
    torch.testing.assert_close(score[:, 1], expected)
    told = cg.explanation(run, x, target="object", method="input-x-gradient")
    share = inside[0].float().mean()
    assert told.titles[0] == f"why object? said of {share:.0%} of the picture"
    with pytest.raises(UsageError, match="unknown class 'thing'"):
        cg.explain(run, x, target="thing")


def test_other_folders_of_the_same_classes_are_measured(cells, run, tmp_path):
    for i in range(3):
        for kind, most in (("images", 1), ("masks", 255)):
            (tmp_path / kind).mkdir(exist_ok=True)
            levels = most * np.array(Image.open(cells / kind / f"{i}.png"))
            Image.fromarray(levels.repeat(2, 0).repeat(2, 1)).save(tmp_path / kind / f"{i}.png")
    found = cg.evaluate(run, str(tmp_path))
    assert found.examples == 3
    assert found.metrics["mask-iou"] > 0.7


def test_what_does_not_fit_is_refused_in_a_line(cells, run):
    for model, data, said in (
        ("unet:width=2,scales=1", "digits", "wants one score for each of 10 classes"),
        ("resnet:depth=8,width=2", cells, "at each position; take another head or model .such as"),
        ("mlp", cells, "at each position"),
    ):
        with pytest.raises(UsageError, match=said):
            planned(model, data)
    with pytest.raises(UsageError, match="masks have to follow them"):
        planned("unet:width=2,scales=1", cells, augment="rand-augment")
    with pytest.raises(UsageError, match="this model answers with a mask"):
        cg.attack(run, torch.zeros(1, 1, 12, 12), torch.zeros(1, dtype=torch.long))
    weights = planned("unet:width=2,scales=1", cells, class_weights="balanced")
    assert weights.objective.class_weights[1] > 1 > weights.objective.class_weights[0]
    focal = planned("unet:width=2,scales=1", cells, loss="focal:gamma=1")
    assert "focal" in focal.value("objective")
