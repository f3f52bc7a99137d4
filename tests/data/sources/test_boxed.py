"""Pictures with boxes from files: COCO's layouts, YOLO's, and what is wrong with either."""

import json
import shutil

import pytest
import torch

from cartograd.core.boxes import AREA, CLASS, CORNERS, CROWD, SIZE
from cartograd.core.errors import UsageError
from cartograd.data.sources.coco import coco
from cartograd.data.sources.yolo import settings, yolo
from tests.conformance.boxed import boxed, coco_document, coco_files, yolo_files
from tests.reference import Reference

reference = Reference("pycocotools.coco")
ALL = {"size": 16, "valid": 0.0, "test": 0.0}


@pytest.mark.oracle("coco")
def test_boxes_are_those_that_pycocotools_reads(tmp_path):
    coco_files(tmp_path)
    data = coco(tmp_path, **ALL)
    theirs = reference.COCO(tmp_path / "annotations" / "instances_train2017.json")
    assert data.signature.output.labels == ("cat", "dog")
    for number, rows in enumerate(data.train.targets):
        own = theirs.loadAnns(theirs.getAnnIds(number + 1))
        rows = rows[rows[:, CLASS] >= 0]
        assert [theirs.cats[one["category_id"]]["name"] for one in own] == [
            ("cat", "dog")[int(kind)] for kind in rows[:, CLASS]
        ]
        assert [one["iscrowd"] for one in own] == rows[:, CROWD].tolist()
        assert [one["area"] for one in own] == rows[:, AREA].tolist()
        if own:
            corners = rows[:, CORNERS] * rows[:, SIZE].repeat(1, 2)
            sides = torch.cat([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)
            torch.testing.assert_close(sides, torch.tensor([one["bbox"] for one in own]).float())


@pytest.mark.law("coco")
@pytest.mark.law("yolo")
def test_every_layout_gives_the_same_data(tmp_path):
    coco_files(tmp_path / "coco")
    yolo_files(tmp_path / "yolo")
    found = boxed(tmp_path / "roboflow" / "train")
    (tmp_path / "roboflow" / "train" / "_annotations.coco.json").write_text(
        json.dumps(coco_document(found))
    )
    one, two, other = (
        coco(tmp_path / "coco", **ALL),
        coco(tmp_path / "roboflow", **ALL),
        yolo(tmp_path / "yolo", **ALL),
    )
    assert torch.equal(one.train.stored, two.train.stored)
    assert torch.equal(one.train.targets, two.train.targets)
    assert torch.equal(one.train.stored, other.train.stored)
    known = [CLASS, *range(1, 5), 7, 8]
    plain = one.train.targets[..., known], other.train.targets[..., known]
    torch.testing.assert_close(*plain)
    assert one.signature.output == other.signature.output


def test_parts_are_as_they_stand(tmp_path):
    for part, count in (("train", 12), ("valid", 5), ("test", 4)):
        found = boxed(tmp_path / part / "images", pictures=count)
        (tmp_path / part / "labels").mkdir()
        for name, _, boxes in found:
            lines = ["1 0.5 0.5 0.5 0.5" for _ in boxes]
            (tmp_path / part / "labels" / name.replace("png", "txt")).write_text("\n".join(lines))
    (tmp_path / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\n"
        "nc: 2\nnames: ['cat', 'dog']\nroboflow:\n  workspace: mine\n"
    )
    data = yolo(tmp_path, size=16)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [12, 5, 4]
    assert "3 pictures without a box" not in " ".join(data.decided)
    assert any("pictures without a box" in line for line in data.decided)


def test_boxes_that_cannot_be_are_told_or_left_out(tmp_path):
    coco_files(tmp_path)
    file = tmp_path / "annotations" / "instances_train2017.json"
    document = json.loads(file.read_text())
    first, second, third = document["annotations"][:3]
    first["bbox"], second["bbox"], third["bbox"] = [0, 0, 99, 5], [1, 1, 0, 4], [1, 2, "x", 3]
    file.write_text(json.dumps(document))
    told = r"box 1 \(0, 0\) to \(99, 5\) reaches out of 001.png, which is 24 x 16; box 2 is 0 x 4"
    with pytest.raises(UsageError, match=told):
        coco(tmp_path, size=16)
    data = coco(tmp_path, broken="leave-out", **ALL)
    assert "left out, 3 boxes" in " ".join(data.decided)
    assert int((data.train.targets[..., CLASS] >= 0).sum()) == len(document["annotations"]) - 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d.update(annotations=[]), "holds no boxes: its list 'annotations' is empty"),
        (lambda d: d.pop("categories"), "has no list 'categories'; expected COCO's format"),
        (lambda d: d["categories"][1].update(name=" "), "the class 3 has no name"),
        (lambda d: d["annotations"][0].update(category_id=9), "a box is of class 9, and there is"),
        (lambda d: d["annotations"][0].update(image_id=99), "box 1 is of picture 99, and there is"),
        (lambda d: d["images"][2].update(file_name="x.png"), "the picture 'x.png' is missing"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(tmp_path, change, told):
    coco_files(tmp_path)
    file = tmp_path / "annotations" / "instances_train2017.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    with pytest.raises(UsageError, match=told):
        coco(tmp_path, size=16)


def test_a_part_to_train_on_is_asked_for(tmp_path):
    coco_files(tmp_path)
    file = tmp_path / "annotations" / "instances_train2017.json"
    file.rename(file.with_name("instances_val2017.json"))
    with pytest.raises(UsageError, match=r"no boxes to train on \(found annotations/instances_val"):
        coco(tmp_path, size=16)


@pytest.mark.parametrize(
    ("yaml", "line", "told"),
    [
        (None, "0 0.5 0.5 0.2 0.2", "has no data.yaml, so its classes have no names"),
        ("train: images/train", "0 0.5 0.5 0.2 0.2", "classes without names"),
        ("train: images/train\nnames: [a, b]\nnc: 3", "", "nc says 3 classes, and 2 have names"),
        ("train: images/no\nnames: [a, b]", "", "the train part is in images/no, and there is no"),
        ("val: images/train\nnames: [a, b]", "", "names no train part"),
        ("train: images/train\nnames: [a]", "", "000.txt line 1 is of class 1, expected 0 to 0"),
        ("train: images/train\nnames: [a, b]", "0 0.9 0.5 0.5 0.2", "line 1 .* reaches out of"),
        ("train: images/train\nnames: [a, b]", "0 0.9 0.5", "has 2 numbers after the class"),
        ("train: images/train\nnames: [a, b]", "cat 1 1 1 1", "is 'cat 1 1 1 1', expected numbers"),
    ],
)
def test_yolos_faults_are_told(tmp_path, yaml, line, told):
    yolo_files(tmp_path)
    (tmp_path / "labels" / "train" / "000.txt").write_text(line or "1 0.5 0.5 0.2 0.2")
    if yaml is None:
        (tmp_path / "data.yaml").unlink()
    else:
        (tmp_path / "data.yaml").write_text(yaml)
    with pytest.raises(UsageError, match=told):
        yolo(tmp_path, size=16)


def test_nothing_to_find_is_refused_and_outlines_become_boxes(tmp_path):
    yolo_files(tmp_path)
    (tmp_path / "labels" / "train" / "000.txt").write_text("1 0.1 0.2 0.3 0.2 0.2 0.6\n")
    data = yolo(tmp_path, **ALL)
    corners = data.train.targets[0, 0, CORNERS]
    torch.testing.assert_close(corners, torch.tensor([0.1, 0.2, 0.3, 0.6]))
    shutil.rmtree(tmp_path / "labels")
    with pytest.raises(UsageError, match="holds no box to learn from"):
        yolo(tmp_path, size=16)


def test_settings_of_a_yaml():
    text = "names: {0: cat, 1: dog}\ntrain:\n  - a\n  - b # two\n"
    assert settings(text) == {"names": {"0": "cat", "1": "dog"}, "train": ["a", "b"]}


def test_more_than_memory_holds_stays_on_disk(tmp_path):
    coco_files(tmp_path)
    whole, streamed = coco(tmp_path, size=16), coco(tmp_path, size=16, memory=1e-6)
    (x, y), (u, v) = (
        next(iter(data.train.batches(shuffle=False).epoch(0, seed=0))) for data in (whole, streamed)
    )
    assert torch.equal(x, u)
    assert torch.equal(y, v)
