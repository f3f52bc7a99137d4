"""A meter's figures are those of all examples at once, in any cut and on several processes."""

import warnings

import pytest
import torch

from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import meter as meters
from cartograd.practice.metrics.meter import Meter
from tests.programs import Program

CLASSES = (
    *("accuracy", "accuracy:k=2", "precision", "recall:average=weighted", "f1:average=micro"),
    *("balanced-accuracy", "matthews", "nll", "brier", "ece", "roc-auc", "average-precision"),
)
VALUES = ("mae", "rmse", "r2", "mape")


def classified(n=203, k=4, seed=0):
    draw = torch.Generator().manual_seed(seed)
    targets = torch.randint(k, (n,), generator=draw)
    outputs = torch.randn(n, k, generator=draw)
    outputs[torch.arange(n), targets] += 1
    return outputs, targets


def valued(n=203, seed=0):
    draw = torch.Generator().manual_seed(seed)
    targets = 1000 + torch.rand(n, 2, generator=draw, dtype=torch.float64)
    return targets + torch.randn(n, 2, generator=draw, dtype=torch.float64), targets


@pytest.mark.parametrize(("names", "data"), [(CLASSES, classified()), (VALUES, valued())])
@pytest.mark.parametrize("size", [1, 32, 203])
def test_it_is_the_metric_of_all_examples(names, data, size):
    meter = Meter(*names)
    for batch in zip(*(one.split(size) for one in data), strict=True):
        meter.update(*batch)
    expected = {name: build(name, kind="metric")(*data) for name in names}
    assert meter.finish() == pytest.approx(expected, abs=1e-12, rel=1e-12)
    assert meter.finish() == meter.finish()


@pytest.mark.parametrize("gathered", [0, 4 * 161, 2**17])
def test_batches_that_wait_are_counted_once_and_as_they_were(gathered, monkeypatch):
    monkeypatch.setattr(meters, "GATHERED", gathered)
    outputs, targets = classified(k=10)
    expected = Meter(*CLASSES)
    expected.update(outputs, targets)
    meter, other, added = Meter(*CLASSES), Meter(*CLASSES), []
    monkeypatch.setattr(Meter, "_add", noted(Meter._add, added))
    for number, part in enumerate(zip(outputs.split(16), targets.split(16), strict=True)):
        place, answers = (one.clone() for one in part)
        (other if number % 3 == 2 else meter).update(place, answers)
        place.zero_()  # as where a place in memory is used again
        answers.zero_()
    with pytest.raises(UsageError, match="targets reach from 0 to 10"):
        meter.update(outputs[:4], torch.tensor([0, 1, 10, 3]))
    with pytest.raises(UsageError, match="of 1 of 4 examples are not a number"):
        meter.update(outputs[:4].index_fill(0, torch.tensor(2), torch.nan), targets[:4])
    assert len(added) == {0: 13, 4 * 161: 3, 2**17: 2}[gathered]
    meter.merge(other)
    assert meter.finish() == pytest.approx(expected.finish(), abs=1e-12, rel=1e-12)


def noted(method, calls):
    """A method that keeps what it was called with."""

    def one(self, *given):
        calls.append(given)
        return method(self, *given)

    return one


@pytest.mark.parametrize("name", ["rmse", "mae"])
def test_whole_numbers_may_be_values(name):
    outputs, targets = torch.tensor([20.0, 33.0, 41.0]), torch.tensor([21, 30, 40])
    meter = Meter(name)
    meter.update(outputs[:2], targets[:2])
    meter.update(outputs[2:], targets[2:])
    assert meter.finish()[name] == pytest.approx(build(name, kind="metric")(outputs, targets))


def test_of_two_classes_by_one_logit_and_of_several_labels():
    outputs, targets = classified(k=2)
    one = (outputs[:, 1] - outputs[:, 0])[:, None]
    several = (torch.rand(203, 2) < 0.3).long()
    for data in ((one, targets), (outputs, several)):
        meter = Meter("f1", "accuracy")
        for batch in zip(*(part.split(50) for part in data), strict=True):
            meter.update(*batch)
        expected = {name: build(name, kind="metric")(*data) for name in ("f1", "accuracy")}
        assert meter.finish() == pytest.approx(expected, abs=1e-12)


def test_of_labels_at_each_position_and_pixel():
    draw = torch.Generator().manual_seed(1)
    logits, labels = torch.randn(8, 5, 3, generator=draw), torch.randint(-1, 3, (8, 5))
    meter = Meter("nll", "perplexity", "accuracy")
    for part in (slice(0, 3), slice(3, 8)):
        meter.update(logits[part], labels[part])
    known = labels >= 0
    flat = {
        name: build(name, kind="metric")(logits[known], labels[known])
        for name in ("nll", "perplexity", "accuracy")
    }
    assert meter.finish() == pytest.approx(flat, abs=1e-6)
    masks, right = torch.randn(6, 3, 4, 4, generator=draw), torch.randint(3, (6, 4, 4))
    meter = Meter("dice")
    meter.update(masks[:2], right[:2])
    meter.update(masks[2:], right[2:])
    assert meter.finish()["dice"] == pytest.approx(build("dice", kind="metric")(masks, right))


def test_parts_are_merged_and_kept():
    outputs, targets = classified()
    whole, first, second = (Meter(*CLASSES) for _ in range(3))
    whole.update(outputs, targets)
    first.update(outputs[:50], targets[:50])
    kept = first.state_dict()
    second.update(outputs[50:], targets[50:])
    first.merge(second)
    assert first.finish() == pytest.approx(whole.finish(), abs=1e-12)
    again = Meter(*CLASSES)
    again.load_state_dict(kept)
    again.merge(second)
    assert again.finish() == first.finish()
    with pytest.raises(UsageError, match="cannot take in one of f1"):
        whole.merge(Meter("f1"))


def test_processes_add_what_they_have_seen(tmp_path):
    """Two processes of unlike shares, on gloo; each then has the figures of all."""
    programs = [Program(measured_by, rank, str(tmp_path)) for rank in range(2)]
    errors = [program.communicate(timeout=600)[1] for program in programs]
    assert [program.returncode for program in programs] == [0, 0], errors
    outputs, targets = classified()
    meter = Meter(*CLASSES)
    meter.update(outputs, targets)
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found == pytest.approx(meter.finish(), abs=1e-12)


def measured_by(rank, folder):
    """What one of two processes does."""
    from torch import distributed

    store = f"file://{folder}/store"
    distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    outputs, targets = classified()
    share = slice(0, 70) if rank == 0 else slice(70, None)
    meter = Meter(*CLASSES)
    meter.update(outputs[share], targets[share])
    meter.merge_processes()
    torch.save(meter.finish(), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def test_a_state_is_small_where_it_can_be():
    outputs, targets = classified(n=5000)
    meter = Meter("accuracy", "f1", "nll", "ece")
    for batch in zip(outputs.split(100), targets.split(100), strict=True):
        meter.update(*batch)
    assert sum(value.numel() for value in meter.state_dict().values()) < 40


def test_what_does_not_belong_together_is_refused_and_nothing_lost():
    outputs, targets = classified()
    meter = Meter("f1")
    with pytest.raises(UsageError, match="no batch was added"):
        meter.finish()
    meter.update(outputs, targets)
    before = meter.finish()
    with pytest.raises(UsageError, match="of other classes than those before"):
        meter.update(torch.randn(4, 7), torch.tensor([0, 1, 2, 3]))
    with pytest.raises(UsageError, match="do not belong together"):
        meter.update(outputs, targets[:3])
    assert meter.finish() == before
    for wrong in ((), ("f1", "f1")):
        with pytest.raises(UsageError, match="each once"):
            Meter(*wrong)
    with pytest.raises(UsageError, match="did you mean 'accuracy'"):
        Meter("akkuracy")


@pytest.mark.untyped  # metrics of other things are given what they refuse
def test_every_metric_of_outputs_is_measured_so():
    """One of the library's cards that takes logits or values, whatever its state is."""
    data = {"classes": classified(k=2), "values": valued()}
    tried = set()
    for card in (card for card in registry.cards().values() if card.kind == "metric"):
        for pair in data.values():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    expected = build(card.name, kind="metric")(*pair)
                except (UsageError, RuntimeError, ValueError, IndexError):
                    continue
                meter = Meter(card.name)
                for batch in zip(*(one.split(60) for one in pair), strict=True):
                    meter.update(*batch)
                assert meter.finish()[card.name] == pytest.approx(expected, rel=1e-9, abs=1e-12)
                tried.add(card.name)
    assert {"accuracy", "f1", "rmse", "r2", "equal-error-rate"} <= tried
