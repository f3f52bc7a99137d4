"""Balanced batches: each class as often as any other, a function of seed and epoch alone."""

import pytest
import torch

import cartograd as cg
from cartograd.data.dataset.balanced import BalancedBatches
from cartograd.training.class_weights import class_weights


def rare(n=600):
    x = torch.arange(n, dtype=torch.float32)[:, None].repeat(1, 2)
    data = cg.tensors(x, (torch.arange(n) % 20 == 0).long())
    return data.train


def test_each_class_is_as_frequent_and_each_example_within_it():
    part = rare()
    found = torch.cat([BalancedBatches(part, 32).drawn(epoch, seed=3) for epoch in range(40)])
    share = part.targets[found].double().mean()
    assert abs(float(share) - 0.5) < 4 * 0.5 / len(found) ** 0.5
    weights = torch.tensor(class_weights("balanced", ("a", "b"), part.targets))[part.targets]
    counts = torch.bincount(found, minlength=len(part)).double()
    spread = ((counts - 40 * weights).square() / (40 * weights)).mean()
    assert 0.8 < float(spread) < 1.2  # as chance has it, by chi squared


def test_an_epoch_goes_on_from_any_batch():
    batches = BalancedBatches(rare(), 50)
    whole = list(batches.epoch(2, seed=5))
    assert len(whole) == len(batches)
    later = list(batches.epoch(2, seed=5, start=3))
    assert len(later) == len(whole) - 3
    for ours, theirs in zip(later, whole[3:], strict=True):
        assert all(map(torch.equal, ours, theirs))
    assert not torch.equal(batches.drawn(2, seed=5), batches.drawn(3, seed=5))
    assert not torch.equal(batches.drawn(2, seed=5), batches.drawn(2, seed=6))


def test_an_example_that_is_drawn_twice_is_changed_twice():
    x = torch.rand(40, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    data = cg.tensors(x, (torch.arange(40) % 10 == 0).long(), bounds=(0.0, 1.0), kind="image")
    batches = BalancedBatches(data.train, len(data.train), augment="crop:padding=2")
    order = batches.drawn(0, seed=0)
    value, count = order.unique(return_counts=True)
    twice = (order == value[count.argmax()]).nonzero()[:2, 0]
    [(inputs, targets)] = batches.epoch(0, seed=0)
    assert torch.equal(targets, data.train.targets[order])
    assert not torch.equal(inputs[twice[0]], inputs[twice[1]])


def test_texts_are_padded_as_elsewhere(tmp_path):
    rows = [f"{'long ' * (i % 5)}word,{'ab'[i % 4 == 0]}" for i in range(80)]
    (tmp_path / "t.csv").write_text("\n".join(["words,label", *rows]) + "\n")
    data = cg.dataset(f"csv:{tmp_path}/t.csv,target=label,text=words")
    inputs, targets = next(iter(BalancedBatches(data.train, 16).epoch(0, seed=0)))
    assert len(inputs) == len(targets) == 16


@pytest.mark.parametrize("size", [7, 100])
def test_a_last_batch_holds_what_is_left(size):
    part = rare(200)
    sizes = [len(batch[0]) for batch in BalancedBatches(part, size).epoch(0, seed=0)]
    assert sum(sizes) == len(part)
