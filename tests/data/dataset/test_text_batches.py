"""Batches of texts of unequal length: trimmed, of like lengths, and the same each time."""

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.text_batches import POOL, lengths
from cartograd.data.text.vocabularies import padded


def pairs(n=500, seed=0):
    """Sources of 1 to 30 tokens with targets of about as many; each says the row's number."""
    draw = torch.Generator().manual_seed(seed)
    first = torch.randint(1, 30, (n, 1), generator=draw)
    sizes = torch.cat([first, first + torch.randint(3, (n, 1), generator=draw)], 1).tolist()
    source = padded([[10 + i] * a for i, (a, _) in enumerate(sizes)], width=40)
    target = padded([[10 + i] * b for i, (_, b) in enumerate(sizes)], fill=1)
    goal = padded([[10 + i] * b for i, (_, b) in enumerate(sizes)], fill=-100)
    ports = [
        Port(name, "text", (letter,), dtype="int64", bounds=(0, n + 10), padding_id=padding)
        for name, letter, padding in (("source", "s", 0), ("target", "t", 1))
    ]
    signature = Signature(tuple(ports), (Port("next", "label", ("t", n + 11), task="translate"),))
    return Split(source, goal, signature, others=[target])


@pytest.mark.parametrize("shuffle", [True, False])
def test_nothing_but_padding_is_trimmed(shuffle):
    split = pairs()
    seen = []
    for source, target, goal in split.batches(batch_size=7, shuffle=shuffle).epoch(2, seed=3):
        assert source.dtype == target.dtype == goal.dtype == torch.int64
        assert (source != 0).sum(1).max() == source.shape[1]
        assert (target != 1).sum(1).max() == target.shape[1]
        assert goal.shape == target.shape
        assert torch.equal(goal == -100, target == 1)
        rows = source[:, 0] - 10
        assert torch.equal(rows, target[:, 0] - 10)
        assert torch.equal((source != 0).sum(1), (split.stored[rows] != 0).sum(1))
        assert torch.equal((goal != -100).sum(1), (split.stored_targets[rows] != -100).sum(1))
        seen += rows.tolist()
    assert sorted(seen) == list(range(500))
    assert (seen == list(range(500))) is not shuffle


def test_rows_of_like_length_come_together():
    full = {}
    for shuffle in (True, False):
        batches = list(pairs(2000).batches(batch_size=16, shuffle=shuffle).epoch(0, seed=0))
        full[shuffle] = sum((x != 0).sum() for x, *_ in batches) / sum(
            x.numel() for x, *_ in batches
        )
    assert full[True] > 0.75
    assert full[False] < 0.6


def test_an_epoch_can_be_resumed_anywhere_and_differs_from_the_next():
    batches = pairs().batches(batch_size=16)
    first = [x for x, *_ in batches.epoch(0, seed=1)]
    assert len(first) == len(batches) == 32
    for start in (0, 1, 17, 31, 32):
        again = [x for x, *_ in batches.epoch(0, seed=1, start=start)]
        assert len(again) == 32 - start
        assert all(map(torch.equal, again, first[start:]))
    for other in (batches.epoch(1, seed=1), batches.epoch(0, seed=2)):
        assert not all(torch.equal(a, b) for a, (b, *_) in zip(first, other, strict=True))


def test_batches_come_in_no_order_of_length():
    """Sorting within pools must not make an epoch begin with short texts."""
    widths = [x.shape[1] for x, *_ in pairs(POOL * 8 * 2).batches(batch_size=8).epoch(0, seed=0)]
    half = len(widths) // 2
    assert abs(sum(widths[:half]) - sum(widths[half:])) / half < 5
    assert widths != sorted(widths)


def test_the_order_of_batches_is_drawn_anew_in_each_epoch():
    """Seen by where the one batch comes that is not full."""
    batches = pairs().batches(batch_size=16)
    places = {
        next(i for i, (x, *_) in enumerate(batches.epoch(epoch, seed=0)) if len(x) < 16)
        for epoch in range(5)
    }
    assert len(places) > 1


def test_dropping_what_is_left():
    batches = pairs().batches(batch_size=64, drop_last=True)
    assert [len(x) for x, *_ in batches.epoch(0, seed=0)] == [64] * 7 == [64] * len(batches)


def test_one_target_for_a_whole_text_is_left_as_it_is():
    port = Port("text", "text", ("t",), dtype="int64", bounds=(0, 9), padding_id=0)
    signature = Signature((port,), (Port("kind", "label", (2,)),))
    split = Split(padded([[1, 2], [3], []], width=5), torch.tensor([0, 1, 1]), signature)
    (x, y), (z, _) = split.batches(batch_size=2, shuffle=False).epoch(0, seed=0)
    assert x.tolist() == [[1, 2], [3, 0]]
    assert y.tolist() == [0, 1]
    assert z.tolist() == [[0]], "a row of nothing keeps one place"


def test_lengths_reach_to_the_last_token():
    assert lengths(torch.tensor([[0, 4, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]]), 0).tolist() == [
        2,
        4,
        0,
    ]


def test_all_inputs_are_selected_together():
    split = pairs()
    some = split.select([4, 2])
    assert [one[:, 0].tolist() for one in some.arguments] == [[14, 12], [14, 12]]
    assert [one.dtype for one in some.arguments] == [torch.int64] * 2
    assert split.to("cpu").others[0].shape == split.others[0].shape
    with pytest.raises(UsageError, match="do not belong together"):
        Split(split.stored, split.stored_targets, split.signature, others=[split.others[0][:3]])
