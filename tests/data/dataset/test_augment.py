"""Augmented batches: the same examples whatever the batch, and what is refused."""

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec
from cartograd.data.dataset.augment import Augment
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.streamed import Streamed

PORT = Port("image", "image", (1, 6, 6), "float32", (0.0, 1.0))
SIGNATURE = Signature((PORT,), (Port("class", "label", (40,)),))
CHAIN = "flip,crop:padding=2,padding_mode=edge,erase"


def split(n=40):
    pixels = torch.randint(0, 256, (n, 1, 6, 6), generator=torch.Generator().manual_seed(1))
    return Split(pixels.byte(), torch.arange(n), SIGNATURE)


def epoch(batches, number=1, start=0):
    found = list(batches.epoch(number, seed=3, start=start))
    inputs, targets = (torch.cat(parts) for parts in zip(*found, strict=True))
    return inputs[targets.argsort()]


def test_the_same_whatever_the_batch_and_the_order():
    expected = epoch(split().batches(batch_size=40, augment=CHAIN))
    for size, shuffle in ((1, True), (7, True), (16, False)):
        batches = split().batches(batch_size=size, shuffle=shuffle, augment=CHAIN)
        assert torch.equal(epoch(batches), expected)
    assert not torch.equal(epoch(split().batches(augment=CHAIN), 2), expected)
    assert not torch.equal(epoch(split().batches()), expected)


def test_from_the_middle_of_an_epoch():
    batches = split().batches(batch_size=8, augment=CHAIN)
    whole = list(batches.epoch(1, seed=3))
    for a, b in zip(whole[2:], batches.epoch(1, seed=3, start=2), strict=True):
        assert torch.equal(a[0], b[0])


@pytest.mark.parametrize("workers", [0, 2])
def test_the_same_from_disk(workers):
    memory = split()
    load = Stored(memory.stored)
    paths = [str(i) for i in range(40)]
    streamed = Streamed(load, paths, memory.targets, SIGNATURE, workers=workers)
    expected = epoch(memory.batches(batch_size=16, augment=CHAIN))
    assert torch.equal(epoch(streamed.batches(batch_size=16, augment=CHAIN)), expected)


class Stored:
    def __init__(self, stored):
        self.stored = stored

    def __call__(self, path):
        return self.stored[int(path)]


def test_two_of_a_kind_draw_apart():
    once, twice = (Augment(["erase"] * n, PORT) for n in (1, 2))
    x, index = torch.ones(300, 1, 6, 6), torch.arange(300)
    gone = [(1 - method(x, index, seed=0, epoch=0)).flatten(1).any(1) for method in (once, twice)]
    assert 0.4 < gone[0].double().mean() < 0.6
    assert 0.67 < gone[1].double().mean() < 0.83


def test_a_chain_by_text_or_list():
    text = Augment("crop:padding=2,padding_mode=edge,flip", PORT)
    parts = Augment([Spec("crop", {"padding": 2, "padding_mode": "edge"}), "flip"], PORT)
    assert str(text) == str(parts) == "crop:padding=2,padding_mode=edge,flip"


@pytest.mark.parametrize(
    ("chain", "port", "part"),
    [
        ("flop", PORT, "did you mean 'flip'"),
        ("crop:paddin=2", PORT, "did you mean 'padding'"),
        ("padding=2", PORT, "is not a spec"),
        ("", PORT, "augment is empty"),
        ("crop:padding=-1", PORT, "expected at least 0"),
        ("flip:p=2", PORT, "expected at most 1"),
        ("crop:padding=6,padding_mode=reflect", PORT, "cannot be mirrored from 6 pixels"),
        ("mixup", PORT, "'mixup' is of kind 'regulariser'"),
        ("flip", Port("row", "table", (3,)), "for inputs of kind 'image', .* of kind 'table'"),
        ("flip", Port("image", "image", (1, 6, 6), bounds=(-1.0, 1.0)), r"in \(-1.0, 1.0\)"),
        ("flip", Port("image", "image", (1, 6, 6)), "no stated bounds"),
    ],
)
def test_what_is_refused(chain, port, part):
    with pytest.raises(UsageError, match=part):
        Augment(chain, port)
