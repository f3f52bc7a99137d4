import numpy as np
import torch

from cartograd.core.boxes import AREA, CLASS, CORNERS, CROWD, SIZE, area, giou, iou, right_answers
from tests.reference import Reference

ops = Reference("torchvision.ops")
coco = Reference("pycocotools.mask")


def drawn(n, seed=0):
    corners = torch.rand(n, 2, 2, generator=torch.Generator().manual_seed(seed)).double().sort(1)
    return corners.values.flatten(1) * 100


def test_iou_and_giou_are_torchvisions():
    one, other = drawn(30), drawn(40, seed=1)
    for ours, theirs in ((iou, ops.box_iou), (giou, ops.generalized_box_iou)):
        found = ours(one[:, None], other[None])
        torch.testing.assert_close(found, theirs(one, other), rtol=0, atol=1e-12)


def test_iou_is_cocos_also_of_boxes_that_touch_or_hold_nothing():
    one = torch.tensor([[0, 0, 4, 4], [4, 0, 8, 4], [2, 2, 2, 6], [1, 1, 3, 3]]).double()
    sides = torch.cat([one[:, :2], one[:, 2:] - one[:, :2]], 1).numpy()
    theirs = coco.iou(sides, sides, [0] * 4)
    np.testing.assert_allclose(iou(one[:, None], one[None]).numpy(), theirs, atol=1e-12)


def test_the_gradient_of_what_holds_nothing_is_finite():
    boxes = torch.zeros(1, 4, requires_grad=True)
    giou(boxes, torch.zeros(1, 4)).sum().backward()
    assert boxes.grad is not None
    assert boxes.grad.isfinite().all()


def test_right_answers_are_filled_up_to_the_most():
    rows = right_answers(
        [[(1, 0, 5, 10, 10)], [], [(0, 2, 2, 4, 4), (2, 0, 0, 20, 10)]],
        [(20, 10), (8, 8), (20, 10)],
        crowds=[[True], [], [False, False]],
        areas=[[7.0], [], [3.0, 9.0]],
    )
    assert rows.shape == (3, 2, 9)
    assert rows[..., CLASS].tolist() == [[1, -1], [-1, -1], [0, 2]]
    assert rows[0, 0, CORNERS].tolist() == [0, 0.5, 0.5, 1]
    assert rows[..., CROWD].tolist() == [[1, 0], [0, 0], [0, 0]]
    assert rows[2, :, AREA].tolist() == [3, 9]
    assert rows[1, :, SIZE].tolist() == [[8, 8], [8, 8]]
    assert area(torch.tensor([0.0, 5.0, 10.0, 10.0])) == 50
    assert right_answers([[]], [(3, 4)]).shape == (1, 1, 9)
