"""Fashion-MNIST: published counts where it is there, and the file format where it is not."""

import gzip
import struct

import numpy as np
import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.sources.fashion_mnist import LABELS, coarser, fashion_mnist, shrunk
from cartograd.data.store import packages


@pytest.fixture(scope="module")
def clothes():
    try:
        return fashion_mnist()
    except UsageError as error:
        pytest.skip(f"Fashion-MNIST is not there: {error}")


@pytest.mark.paper("fashion-mnist")
def test_counts_are_the_published_ones(clothes):
    targets = torch.cat([clothes.train.targets, clothes.valid.targets])
    assert targets.bincount().tolist() == [6000] * 10
    assert clothes.test.targets.bincount().tolist() == [1000] * 10
    assert clothes.signature.input.dims == (1, 28, 28)
    assert clothes.signature.output.labels == LABELS
    assert clothes.train.stored.dtype == torch.uint8


@pytest.mark.paper("fashion-mnist")
def test_statistics_are_the_known_ones(clothes):
    """Mean 0.2860 and deviation 0.3530, as everyone's transforms have them."""
    assert clothes.signature.input.mean == pytest.approx((0.2860,), abs=1e-3)
    assert clothes.signature.input.std == pytest.approx((0.3530,), abs=1e-3)


def test_the_hash_cuts_a_twelfth(clothes):
    assert len(clothes.valid) == pytest.approx(5000, abs=200)
    assert clothes.valid.targets.bincount().min() > 400


def write_idx(path, array, *, packed):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    data = head + array.tobytes()
    name = path.with_name(path.name + ".gz") if packed else path
    name.write_bytes(gzip.compress(data) if packed else data)


@pytest.fixture
def made(tmp_path):
    """Write a small set in the format; returns its arrays."""

    def make(*, packed=False, dot="-", **replaced):
        draw = np.random.default_rng(0)
        arrays = {
            "train-images": draw.integers(0, 256, (60, 5, 4), dtype=np.uint8),
            "train-labels": (np.arange(60) % 3).astype(np.uint8),
            "t10k-images": draw.integers(0, 256, (20, 5, 4), dtype=np.uint8),
            "t10k-labels": (np.arange(20) % 3).astype(np.uint8),
        } | replaced
        for stem, array in arrays.items():
            write_idx(tmp_path / f"{stem}{dot}idx{array.ndim}-ubyte", array, packed=packed)
        return arrays

    return make


@pytest.mark.law("fashion-mnist")
@pytest.mark.parametrize(("packed", "dot"), [(False, "-"), (True, "-"), (False, ".")])
def test_files_are_read_back(tmp_path, made, packed, dot):
    arrays = made(packed=packed, dot=dot)
    data = build(f"fashion-mnist:{tmp_path},valid=0.2")()
    assert torch.equal(data.test.stored[:, 0], torch.from_numpy(arrays["t10k-images"]))
    assert data.test.targets.tolist() == arrays["t10k-labels"].tolist()
    both = torch.cat([data.train.stored, data.valid.stored])[:, 0]
    assert sorted(both.flatten(1).tolist()) == sorted(
        arrays["train-images"].reshape(60, -1).tolist()
    )
    assert data.signature.output.labels == ("0", "1", "2")
    assert data.signature.input.dims == (1, 5, 4)


def test_only_the_first_examples(tmp_path, made):
    arrays = made()
    data = fashion_mnist(tmp_path, examples=30, valid=0.2)
    both = torch.cat([data.train.stored, data.valid.stored])[:, 0]
    assert sorted(both.flatten(1).tolist()) == sorted(
        arrays["train-images"][:30].reshape(30, -1).tolist()
    )
    assert len(data.test) == 20
    for wrong in (0, 61):
        with pytest.raises(UsageError, match=f"examples={wrong}: expected 1 to 60"):
            fashion_mnist(tmp_path, examples=wrong)


@pytest.mark.law("fashion-mnist")
def test_pictures_of_half_the_size_are_means_of_squares(tmp_path, made):
    arrays = made(**{
        part: np.random.default_rng(0).integers(0, 256, (count, 6, 6), dtype=np.uint8)
        for part, count in (("train-images", 60), ("t10k-images", 20))
    })  # fmt: skip
    data = fashion_mnist(tmp_path, size=3)
    assert data.signature.input.dims == (1, 3, 3)
    means = torch.nn.functional.avg_pool2d(torch.from_numpy(arrays["t10k-images"]).double(), 2)
    assert torch.equal(data.test.stored[:, 0], means.round().to(torch.uint8))
    whole = torch.from_numpy(arrays["t10k-images"])
    assert torch.equal(shrunk(whole, 6), whole)
    for wrong in (0, 4, 12):
        with pytest.raises(UsageError, match=f"size={wrong}: .* expected 1, 2, 3, 6"):
            fashion_mnist(tmp_path, size=wrong)


def test_one_class_alone_is_trained_with(tmp_path, made):
    made()
    for only in (1, "1"):
        data = fashion_mnist(tmp_path, only=only, valid=0.2)
        both = torch.cat([data.train.targets, data.valid.targets])
        assert both.tolist() == [1] * 20
        assert data.test.targets.unique().tolist() == [0, 1, 2]
    with pytest.raises(UsageError, match="unknown class '3'"):
        fashion_mnist(tmp_path, only=3)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"t10k-labels": np.full(20, 3, dtype=np.uint8)}, "test label 1 is 3; expected 0 to 2"),
        ({"t10k-labels": np.zeros(19, dtype=np.uint8)}, "20 test images but 19 labels"),
        ({"train-labels": np.zeros(59, dtype=np.uint8)}, "60 train images but 59 labels"),
        ({"t10k-images": np.zeros((20, 4, 4), dtype=np.uint8)}, r"test images are of \(4, 4\)"),
    ],
)
def test_files_that_do_not_belong_together(tmp_path, made, replaced, message):
    made(**replaced)
    with pytest.raises(UsageError, match=message):
        fashion_mnist(tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "does not hold train-images"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "damaged"),
        (lambda path: path.write_bytes(gzip.compress(b"\0\0\x08\x03")), "not a whole IDX file"),
        (lambda path: path.write_bytes(b"\x1f\x8b but not gzip"), "damaged"),
    ],
)
def test_damaged_files(tmp_path, made, damage, message):
    made(packed=True)
    damage(tmp_path / "train-images-idx3-ubyte.gz")
    with pytest.raises(UsageError, match=message):
        fashion_mnist(tmp_path)


def test_not_fetched(monkeypatch, tmp_path):
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="cartograd data get fashion-mnist, or put the four IDX"):
        fashion_mnist()
    assert packages.show("fashion-mnist").path is None


@pytest.mark.parametrize("levels", [2, 4, 16, 256])
def test_pixels_keep_the_nearest_of_fewer_levels(levels):
    every = torch.arange(256, dtype=torch.uint8)
    found = coarser(every, levels)
    expected = ((every.double() / 255 * (levels - 1)).round() / (levels - 1) * 255).round()
    assert torch.equal(found.double(), expected)
    assert len(found.unique()) == levels


def test_levels_that_a_byte_does_not_keep_are_refused():
    with pytest.raises(UsageError, match="levels=3: a byte keeps 2, 4, 6"):
        fashion_mnist(levels=3)
