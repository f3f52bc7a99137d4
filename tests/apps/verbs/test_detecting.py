"""A detector through the verbs, on small pictures."""

import json

import pytest
import torch

import cartograd as cg
from cartograd.apps.cli import main
from cartograd.apps.report.restored import check_out, write_out
from cartograd.apps.verbs.explain import explanation
from cartograd.core.detections import detections
from cartograd.core.errors import UsageError
from cartograd.data.decode.images import header
from cartograd.data.sources.yolo import yolo
from cartograd.frontier.explain.one_number import BoxScore
from tests.conformance.boxed import coco_files


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detecting")
    coco_files(folder / "data")
    network = 'fcos:encoder="resnet:depth=8,width=4",width=8'
    run = cg.train(network, f"coco:{folder / 'data'},size=16", epochs=1, folder=folder / "run")
    return run, folder


def test_it_is_trained_measured_and_loaded_again(trained):
    _, folder = trained
    found = cg.evaluate(folder / "run", f"coco:{folder / 'data'}")
    names = {"coco-map", "coco-map:iou=0.5", "coco-map:iou=0.75", "average-recall"}
    assert set(found.metrics) == names
    assert all(0 <= value <= 1 for value in found.metrics.values())
    assert found.outputs.shape[2] == 6
    for name, (low, high) in found.intervals.items():
        assert low <= found.metrics[name] <= high or high <= 1


def test_the_figures_of_each_class_and_size(trained, capsys):
    """Their mean over the classes is the metric; the report and the command show them."""
    _, folder = trained
    found = cg.evaluate(folder / "run", f"coco:{folder / 'data'}")
    classes = [one for one in found.boxes if one.kind == "class"]
    assert [one.label for one in classes] == ["cat", "dog"]
    for name, figure in (("coco-map", "ap"), ("coco-map:iou=0.5", "ap50"),
                         ("coco-map:iou=0.75", "ap75"), ("average-recall", "recall")):  # fmt: skip
        mean = sum(getattr(one, figure) for one in classes) / len(classes)
        assert mean == pytest.approx(found.metrics[name], abs=1e-12)
    assert sum(one.boxes for one in classes) == int((found.targets[..., 0] >= 0).sum())
    for one in found.boxes:
        assert one.low <= one.high
        assert one.kind == "class" or one.label.startswith(("small", "medium", "large"))
    assert main(["evaluate", str(folder / "run"), "--data", f"coco:{folder / 'data'}"]) == 0
    assert "AP75" in capsys.readouterr().out
    page = (folder / "run" / "report.html").read_text()
    assert "Boxes by class and size" in page


def test_boxes_are_drawn_and_written_back(trained, tmp_path, monkeypatch):
    """YOLO's text is read as the boxes that were written."""
    _, folder = trained
    monkeypatch.setattr("cartograd.apps.answers.detect.LIKELY", 0.05)
    bundle = cg.load(folder / "run")
    pictures = sorted((folder / "data" / "images" / "train2017").glob("*.png"))[:3]
    answers = cg.predict(bundle, list(pictures))
    out = tmp_path / "images" / "train"
    check_out(out, bundle.signature)
    written = write_out(out, answers, bundle.signature)
    assert len(written) == 9
    for picture, answer in zip(pictures, answers, strict=True):
        assert header(out / picture.name).size == header(picture).size
        assert json.loads((out / f"{picture.stem}.json").read_text()) == answer
    boxes = [box for answer in answers for box in answer["boxes"]]
    lines = [line for file in sorted(out.glob("*.txt")) for line in file.read_text().splitlines()]
    assert len(lines) == len(boxes)
    (tmp_path / "labels" / "train").mkdir(parents=True)
    for file in out.glob("*.txt"):
        file.rename(tmp_path / "labels" / "train" / file.name)
    (tmp_path / "data.yaml").write_text("train: images/train\nnames: [cat, dog]\n")
    if boxes:
        data = yolo(tmp_path, size=16, valid=0.0, test=0.0, broken="leave-out")
        assert int((data.train.targets[..., 0] >= 0).sum()) <= len(boxes)
    with pytest.raises(UsageError, match="do not fit into"):
        write_out(tmp_path / "one.png", answers, bundle.signature)


def test_what_does_not_fit_is_declined(trained):
    _, folder = trained
    x = torch.rand(1, 3, 16, 16)
    with pytest.raises(UsageError, match="this model answers with boxes"):
        cg.attack(folder / "run", x, torch.zeros(1, dtype=torch.int64))


def test_the_surest_box_of_a_class_is_explained(trained):
    """By the score that `detections` gives, and its slope in the picture."""
    _, folder = trained
    bundle = cg.load(folder / "run")
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    asked = BoxScore(bundle.model)
    with torch.no_grad():
        found = asked(x)
        boxes = detections(bundle.model(x), 2)
    for row, numbers in zip(boxes, found, strict=True):
        sure = [row[row[:, 5] == k, 4].max() for k in range(2)]
        torch.testing.assert_close(numbers.exp(), torch.stack(sure), rtol=1e-5, atol=1e-6)
    slopes = []
    for k in range(2):
        given = x.clone().requires_grad_()
        slopes.append(torch.autograd.grad(asked(given)[:, k].sum(), given)[0])
        heat = cg.explain(folder / "run", x, method="input-x-gradient", target=("cat", "dog")[k])
        torch.testing.assert_close(heat, slopes[k] * x, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(*slopes)
    heat = cg.explain(folder / "run", x, method="grad-cam", target="dog")
    assert heat.shape[-2:] == (16, 16)
    picture = folder / "data" / "images" / "train2017"
    told = explanation(bundle, sorted(picture.glob("*.png"))[:1], target="cat")
    assert "surest box" in told.titles[0]
    with pytest.raises(UsageError, match="class"):
        cg.explain(folder / "run", x, target="cow")
    with pytest.raises(UsageError, match="expected 0 to 1"):
        cg.explain(folder / "run", x, target=2)
