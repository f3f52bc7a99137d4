import pytest
import torch

from cartograd.core.boxes import CLASS, CORNERS, CROWD, right_answers
from cartograd.core.detections import detections
from cartograd.core.errors import UsageError
from cartograd.training.objectives.detect import Detect, taught
from tests.conformance.boxed import detector, pictures_with_boxes
from tests.reference import Reference

ops = Reference("torchvision.ops")


def drawn(n=6, seed=0):
    """Outputs of the detector, moved away from where it begins, and right answers."""
    torch.manual_seed(seed)
    model = detector().double()
    x, targets = pictures_with_boxes(n)
    for weight in (model.where.weight, model.kind.weight):
        torch.nn.init.normal_(weight, std=0.3)
    return model, x.double(), targets


@pytest.mark.oracle("detect")
def test_the_loss_is_torchvisions_of_what_is_taught():
    model, x, targets = drawn()
    (loss,) = Detect(model=model).losses((x, targets))
    total = (loss.value * loss.weight).sum() / loss.weight.sum()
    ours = torch.autograd.grad(total, list(model.parameters()))
    outputs, right = model(x), taught(model.positions, targets.double())
    found = right.kind >= 0
    hot = torch.nn.functional.one_hot(right.kind.clamp(min=0), 2) * found[..., None]
    kinds = ops.sigmoid_focal_loss(outputs[..., 5:], hot.double(), reduction="sum")
    boxes = ops.generalized_box_iou_loss(outputs[..., :4][found], right.corners[found])
    middles = torch.nn.functional.binary_cross_entropy_with_logits(
        outputs[..., 4][found], right.middle[found], reduction="sum"
    )
    count = found.sum(1).clamp(min=1).sum()
    theirs = (kinds + boxes.sum() + middles) / count
    torch.testing.assert_close(total, theirs, rtol=1e-6, atol=1e-6)
    expected = torch.autograd.grad(theirs, list(model.parameters()))
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.law("detect")
def test_what_is_taught_is_the_right_answer():
    """Answers made of what each position is taught are, after overlaps are gone, the boxes."""
    from cartograd.architectures.cnn.fcos import FCOS

    model = FCOS(encoder="resnet:depth=8,width=4", width=8, channels=1, size=64, classes=2)
    boxes = [[(0, 5, 6, 30, 28), (1, 40, 40, 60, 62)], [], [(1, 0, 0, 64, 64), (0, 20, 24, 36, 36)]]
    targets = right_answers(boxes, [(64, 64)] * 3)
    right = taught(model.positions, targets)
    found = right.kind >= 0
    assert found.any(1).tolist() == [True, False, True]
    assert ((right.middle[found] > 0) & (right.middle[found] <= 1)).all()
    hot = torch.nn.functional.one_hot(right.kind.clamp(min=0), 2) * found[..., None]
    middle = (right.middle.clamp(1e-4, 1 - 1e-4)).logit()
    outputs = torch.cat([right.corners, middle[..., None], 20.0 * hot - 10], 2)
    for rows, own in zip(detections(outputs, 2), targets, strict=True):
        rows, own = rows[rows[:, 4] > 0.3], own[own[:, CLASS] >= 0]
        said = sorted([int(row[5]), *(row[:4] * 64).round().tolist()] for row in rows)
        there = sorted([int(row[CLASS]), *(row[CORNERS] * 64).round().tolist()] for row in own)
        assert said == there


def test_a_crowd_teaches_nothing():
    model, _, targets = drawn(3)
    crowd = targets.clone()
    crowd[..., CROWD] = 1
    right = taught(model.positions, crowd.double())
    assert (right.kind == -1).all()
    assert not right.counts[1:].all()
    assert right.counts[0].all()  # no box is there


def test_validation_gives_the_boxes_found():
    model, x, targets = drawn()
    given = Detect(model=model).validate((x, targets))
    assert given["outputs"].shape == (6, 32, 6)
    assert given["loss"].shape == given["weight"].shape == (6,)


def test_what_has_no_positions_or_no_boxes_is_refused():
    model, x, targets = drawn()
    with pytest.raises(UsageError, match="does not say from where its boxes are seen"):
        next(Detect(model=torch.nn.Flatten()).losses((x, targets)))
    with pytest.raises(UsageError, match="are no boxes; expected"):
        next(Detect(model=model).losses((x, torch.zeros(6, 3))))
