"""Weights spread over two processes: equal to those that each has whole, saved and put together."""

import pytest
import torch

from cartograd.core.errors import UsageError
from tests.engine.distributed import pair
from tests.engine.distributed.test_distributed_group import close, numbers


@pytest.fixture(scope="session")
def two(pairs):
    done = pairs(*pair.SPREAD)
    assert done.codes() == [0, 0], "\n".join(done.errors)
    found = {
        name: [torch.load(done.folder / f"{name}-{rank}.pt") for rank in range(2)]
        for name in pair.SPREAD
    }
    return found | {"folder": done.folder}


def same(one, other):
    one, other = dict(numbers(one)), dict(numbers(other))
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("check", ["fsdp", "fsdp clipped", "tensor", "tensor clipped"])
def test_spread_weights_end_where_one_process_does(two, check, tmp_path):
    clip = {"clip": 0.1} if "clipped" in check else {}
    alone = pair.spread("ddp", **clip)
    for found in two[check]:
        close(found, alone)


def test_fsdp_equals_ddp_to_the_bit(two):
    for ddp, fsdp in zip(two["ddp float32"], two["fsdp float32"], strict=True):
        assert same(ddp, fsdp)


def test_tensor_parallel_equals_one_process_in_float32(two):
    alone = pair.spread("ddp", torch.float32)
    close(two["tensor float32"][0], alone, 1e-6)


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_go_on_bit_for_bit(two, parallel):
    for found in two[f"parted {parallel}"]:
        assert same(found["again"], found["whole"])


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_one_process_goes_on_with_what_two_saved(two, parallel):
    left = two["folder"] / f"left {parallel}"
    (newest, *_) = sorted(left.glob("checkpoints/step-*"), reverse=True)
    assert (newest / "sharded").exists() == (parallel == "fsdp")
    assert not [
        file for file in newest.rglob("*") if file.suffix not in (".safetensors", ".json", "")
    ]
    found = two[f"parted {parallel}"][0]
    with pytest.raises(UsageError, match="was written with machine processes: 2 by"):
        pair.spread("ddp", epochs=2, folder=left, resume=True)
    on = {"folder": left, "resume": True, "exact": False}
    with pytest.warns(UserWarning, match="does not go on bit for bit"):
        half, whole = (pair.spread("ddp", epochs=epochs, **on) for epochs in (2, 4))
    assert same(half["weights"], found["half"]["weights"])
    close(whole, found["whole"])


def test_a_world_that_does_not_divide_is_refused_in_one_line(two):
    for found in two["refused width"]:
        assert "5 outputs of hidden.0 do not divide by 2 processes" in found["line"]
    for found in two["refused batch"]:
        assert "batches of 1 examples cannot be split over 2 processes" in found["line"]
