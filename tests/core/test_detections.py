import pytest
import torch

from cartograd.core.boxes import iou
from cartograd.core.detections import LEAST, detections, scores
from cartograd.core.errors import UsageError


def drawn(pictures=4, boxes=60, seed=0):
    draw = torch.Generator().manual_seed(seed)
    middle = torch.rand(pictures, boxes, 2, generator=draw).double() * 0.6 + 0.2
    half = torch.rand(pictures, boxes, 2, generator=draw).double() * 0.15 + 0.05
    return torch.cat([middle - half, middle + half], 2), draw


def greedy(corners, kinds, order, apart):
    """Non-maximum suppression as it is told, box by box."""
    kept = []
    for i in order:
        near = (iou(corners[i], corners[j]) > apart for j in kept if kinds[i] == kinds[j])
        if not any(near):
            kept.append(i)
    return kept


def test_what_is_kept_is_what_a_greedy_search_keeps_also_on_ties():
    corners, draw = drawn()
    logits = torch.randint(-4, 4, (4, 60, 3), generator=draw).double()
    found = detections(torch.cat([corners, logits], 2), 3, apart=0.4)
    for picture, rows in enumerate(found):
        flat = logits[picture].sigmoid().flatten()
        ranked = flat.sort(descending=True, stable=True).indices.tolist()
        order = [i for i in ranked if flat[i] >= LEAST]
        own, kinds = corners[picture].repeat_interleave(3, 0), torch.arange(180) % 3
        kept = greedy(own, kinds, order, 0.4)
        there = rows[rows[:, 5] >= 0]
        assert there[:, 4].tolist() == flat[kept[:100]].tolist()
        assert torch.equal(there[:, :4], own[kept[:100]])
        assert there[:, 5].tolist() == kinds[kept[:100]].tolist()
        assert not rows[len(there) :, :5].any()


def test_the_score_is_the_mean_of_class_and_middle():
    outputs = torch.tensor([[[0.0, 0.0, 1.0, 1.0, 0.0, 2.0, -1.0]]]).double()
    likely = torch.tensor([2.0, -1.0]).double().sigmoid()
    torch.testing.assert_close(scores(outputs, 2)[0, 0], (0.5 * likely).sqrt())
    torch.testing.assert_close(scores(outputs, 3)[0, 0, 1:], likely)
    with pytest.raises(UsageError, match=r"expected 5 \(corners and classes\) or 6"):
        scores(outputs, 1)
