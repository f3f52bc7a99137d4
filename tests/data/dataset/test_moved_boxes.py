import pytest
import torch

from cartograd.core.boxes import AREA, CLASS, CORNERS, right_answers
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.dataset.augment import of_signature
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.data.dataset.moved_boxes import with_boxes
from cartograd.data.sources.cut_outs import cut_outs
from tests.conformance.boxed import cut_out

SIDE = 40


def painted(boxes):
    """A picture of each box, white on black."""
    x = torch.zeros(len(boxes), 1, SIDE, SIDE)
    for picture, (_, left, top, right, bottom) in zip(x, boxes, strict=True):
        picture[:, top:bottom, left:right] = 1
    return x


@pytest.mark.parametrize(
    "chain",
    [
        *(
            "flip:p=1.0",
            "flip:axis=vertical,p=1.0",
            "alternating-flip",
            "crop:padding=6",
            "crop:padding=4,padding_mode=edge",
        ),
        *("affine:degrees=0.0,scale=[0.8,1.2]", "resized-crop", "affine:degrees=0.0,translate=0.2"),
    ],
)
def test_a_box_stays_around_what_it_was_around(chain):
    """Where nothing is turned, the box of what is white afterwards is the box that was moved."""
    draw = torch.Generator().manual_seed(0)
    low = torch.randint(4, 20, (16, 2), generator=draw)
    high = low + torch.randint(8, 16, (16, 2), generator=draw)
    boxes = [(0, *a, *b) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    rows = right_answers([[box] for box in boxes], [(SIDE, SIDE)] * 16)
    method = build(chain, kind="augmentation")
    rng = CounterRandom(torch.arange(16), seed=1, epoch=1)
    x, found = with_boxes(method, painted(boxes), rows, rng)
    seen = 0
    for picture, row in zip(x[:, 0], found[:, 0], strict=True):
        white = (picture > 0.5).nonzero()
        if row[CLASS] < 0 or not len(white):
            continue
        top, left = white.amin(0)
        bottom, right = white.amax(0) + 1
        expected = torch.stack([left, top, right, bottom]).float()
        assert (row[CORNERS] * SIDE - expected).abs().max() <= 1.01
        seen += 1
    assert seen >= 8


def test_the_corners_of_a_turned_box_are_moved_as_its_pixels(tmp_path):
    """A quarter of a turn: exact, and the area stays."""
    rows = right_answers([[(0, 10, 4, 20, 30)]], [(SIDE, SIDE)])

    def turned(x, rng):
        return x.rot90(1, (2, 3))

    turned.__module__ = with_boxes.__module__
    import cartograd.data.dataset.moved_boxes as home

    home.MOVES = True
    try:
        _, found = with_boxes(
            turned, torch.zeros(1, 1, SIDE, SIDE), rows, CounterRandom(torch.tensor([0]))
        )
    finally:
        del home.MOVES
    corners = (found[0, 0, CORNERS] * SIDE).tolist()
    assert corners == pytest.approx([4, 20, 30, 30], abs=1e-3)
    assert found[0, 0, AREA].item() == pytest.approx(rows[0, 0, AREA].item(), rel=1e-4)


def test_what_has_left_the_picture_is_no_longer_to_be_found():
    rows = right_answers([[(0, 0, 0, 4, 4), (1, 16, 16, 30, 30)]], [(SIDE, SIDE)])
    method = build("affine:degrees=0.0,translate=0.0,scale=[2.0,2.0]", kind="augmentation")
    _, found = with_boxes(
        method, torch.zeros(1, 1, SIDE, SIDE), rows, CounterRandom(torch.tensor([0]))
    )
    assert found[0, :, CLASS].tolist() == [-1, 1]
    assert not found[0, 0, 1:7].any()


def test_batches_of_boxes_are_augmented_and_what_does_not_say_where_pixels_go_is_refused(tmp_path):
    data = cut_outs(*cut_out(tmp_path)[0], size=24, examples=10)
    plain, moved = (
        next(iter(data.train.batches(augment=chain, shuffle=False).epoch(0, seed=0)))
        for chain in (None, "flip:p=1.0,jitter")
    )
    there = plain[1][..., CLASS] >= 0
    one, two = plain[1][there][:, CORNERS], moved[1][there][:, CORNERS]
    mirrored = torch.stack([1 - one[:, 2], one[:, 1], 1 - one[:, 0], one[:, 3]], 1)
    torch.testing.assert_close(two, mirrored, atol=1e-5, rtol=0)
    with pytest.raises(UsageError, match="boxes have to follow"):
        of_signature("rand-augment", data.signature)
