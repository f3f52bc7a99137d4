"""Every data source: its signature is true, its splits are apart, and it repeats itself."""

import inspect

import pytest
import torch

from cartograd.core import boxes
from cartograd.core.build import build, entry
from cartograd.core.ports import Signature
from cartograd.data.dataset.dataset import Dataset
from tests.conformance.subjects import SUBJECTS
from tests.conformance.support import global_state_untouched, offered, over

PARTS = ("train", "valid", "test")


def maker(folder):
    """Builds a card's dataset from small files where it reads the user's."""

    def make(card):
        files = offered(card, "subject", SUBJECTS)
        subject, args = ((), {}) if files is None else files(folder)
        return build(card.name, kind=card.kind, **card.tiny | args)(*subject)

    return make


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Each card's dataset, built once for all checks that only look at it."""
    found = {}

    def make(card):
        if card.name not in found:
            found[card.name] = maker(tmp_path_factory.mktemp("data"))(card)
        return found[card.name]

    return make


def whole(split):
    return split.select(range(len(split)))


def rows(split):
    return {row.numpy().tobytes() for row in whole(split).inputs}


def bare(batch, port):
    """The rows of a batch's first input as lists, without what only fills them up."""
    return [
        tuple(row) if port.padding_id is None else tuple(i for i in row if i != port.padding_id)
        for row in batch.flatten(1).tolist()
    ]


@over("data")
def test_is_a_dataset(card, made):
    data = made(card)
    assert isinstance(data, Dataset)
    assert data.name == card.name
    assert all(len(getattr(data, part)) > 0 for part in PARTS)
    subjects = [
        p for p in inspect.signature(entry(card)).parameters.values() if p.kind is p.POSITIONAL_ONLY
    ]
    told = offered(card, "subject", SUBJECTS) is not None
    assert bool(subjects) == told, "the test of a source of files offers a function `subject`"


@over("data")
def test_inputs_are_what_the_signature_says(card, made):
    data = made(card)
    port = data.signature.input
    for part in PARTS:
        x = whole(getattr(data, part)).inputs
        dims = zip(port.dims, x.shape[1:], strict=True)
        assert all(isinstance(dim, str) or dim == size for dim, size in dims)
        assert str(x.dtype) == f"torch.{port.dtype}"
        assert x.isfinite().all()
        if port.bounds:
            assert x.min() >= port.bounds[0]
            assert x.max() <= port.bounds[1]


@over("data")
def test_targets_are_what_the_signature_says(card, made):
    data = made(card)
    port = data.signature.output
    for part in PARTS:
        y = getattr(data, part).targets
        if port.kind == "label":
            assert y.dtype == torch.int64
            y = y[y != -100] if y.ndim > 1 else y
            assert y.min() >= 0
            classes = data.signature.classes or port.dims[-1]
            assert y.max() < classes
            assert len(port.labels) in (0, classes)
        elif data.signature.target == "boxes":
            check_boxes(y, port)
        else:
            assert y.dtype == torch.float32
            assert y.shape[1:] == port.dims


def check_boxes(rows, port):
    assert rows.dtype == torch.float32
    assert rows.shape[2] == boxes.ROW
    kinds, corners = rows[..., boxes.CLASS], rows[..., boxes.CORNERS]
    assert kinds.min() >= -1
    assert kinds.max() < len(port.labels)
    assert corners.min() >= 0
    assert corners.max() <= 1
    assert (boxes.area(corners[kinds >= 0]) > 0).all()


@over("data")
def test_the_signature_is_shared_and_json(card, made):
    data = made(card)
    assert all(getattr(data, part).signature == data.signature for part in PARTS)
    assert Signature.from_json(data.signature.to_json()) == data.signature


@over("data")
def test_no_example_is_in_two_splits(card, made):
    data = made(card)
    train, valid, test = (rows(getattr(data, part)) for part in PARTS)
    assert not train & valid
    assert not train & test
    assert not valid & test


@over("data")
def test_every_class_is_trained_on(card, made):
    data = made(card)
    if data.signature.output.kind == "label" and data.train.targets.ndim == 1:
        assert set(data.train.targets.tolist()) == set(range(data.signature.output.dims[0]))


@over("data")
def test_repeats_and_leaves_the_global_generator_alone(card, tmp_path):
    make = maker(tmp_path)
    with global_state_untouched():
        one, two = make(card), make(card)
    for part in PARTS:
        first, second = whole(getattr(one, part)), whole(getattr(two, part))
        assert torch.equal(first.inputs, second.inputs)
        assert torch.equal(first.targets, second.targets)
    assert one.signature == two.signature


@over("data")
def test_statistics_are_those_of_the_training_split(card, made):
    data = made(card)
    port = data.signature.input
    if not port.mean:
        return
    x = whole(data.train).inputs.double()
    axis = [0] + [i for i in range(1, x.ndim) if i != 1 or len(port.mean) == 1]
    torch.testing.assert_close(
        x.mean(axis).float().reshape(-1), torch.tensor(port.mean), rtol=1e-4, atol=1e-5
    )
    std = torch.tensor(port.std)
    measured = x.std(axis, correction=0).float().reshape(-1)
    varies = measured > 1e-6  # a constant number gets a standard deviation of 1
    torch.testing.assert_close(measured[varies], std[varies], rtol=1e-4, atol=1e-5)


@over("data")
def test_an_epoch_holds_each_example_once(card, made):
    data = made(card)
    source = data.train.batches(batch_size=7)
    batches = list(source.epoch(0, seed=0))
    assert len(batches) == len(source)
    assert all(len(batch) == len(data.signature.inputs) + 1 for batch in batches)
    assert sum(len(batch[0]) for batch in batches) == len(data.train)
    port = data.signature.input
    seen = sorted(row for batch in batches for row in bare(batch[0], port))
    assert seen == sorted(bare(whole(data.train).inputs, port))


@over("data")
def test_batches_are_a_function_of_seed_and_epoch(card, made):
    source = made(card).train.batches(batch_size=5)
    first, again = list(source.epoch(3, seed=1)), list(source.epoch(3, seed=1, start=2))
    assert all(equal(a, b) for a, b in zip(again, first[2:], strict=True))
    assert not all(equal(a, b) for a, b in zip(first, source.epoch(4, seed=1), strict=True))


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@over("data")
def test_about_says_where_it_comes_from(card, made):
    data = made(card)
    assert data.about.get("source")
