"""Sizes that no machine has are refused before memory is taken for them."""

import pytest
import torch

from cartograd.apps.load.named import is_elsewhere
from cartograd.apps.load.source import dataset
from cartograd.core import memory
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.memory import affordable

SOURCES = ("moons", "spirals", "xor", "gaussians", "separable", "copying", "adding", "digit-lines")


@pytest.mark.parametrize("name", SOURCES)
def test_more_examples_than_fit_are_refused_for_every_source_that_makes_them(name):
    with pytest.raises(UsageError, match=r"asks for .* GB of memory, and .* GB are free") as told:
        dataset(f"{name}:examples={10**15}")
    assert "\n" not in str(told.value)
    with pytest.raises(UsageError, match="64 bits"):
        dataset(f"{name}:examples={10**19}")


@pytest.mark.parametrize(
    "spec", ["mlp:features=2,classes=2,widths=[{}]", "resnet:channels=1,width={}",
             "lstm:features=2,classes=2,dim={}", "gpt:vocabulary=9,dim={}"]
)  # fmt: skip
def test_larger_layers_than_fit_are_refused(spec):
    with pytest.raises(UsageError, match=r"asks for (.* GB of memory|sizes that cannot be had)"):
        build(spec.format(10**14), kind="model")


def test_weights_are_added_up_while_a_model_is_built(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 4 * 10_000)
    build("mlp:features=9,classes=9,widths=[90,90]", kind="model")  # 9,819 numbers
    with pytest.raises(UsageError, match=r"asks for 4.*e-05 GB"):
        build("mlp:features=9,classes=9,widths=[90,91]", kind="model")


def test_nothing_takes_memory_on_the_meta_device(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1)
    with torch.device("meta"):
        build("mlp:features=9,classes=9,widths=[9000]", kind="model")


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="must match"), affordable("this"):
        torch.ones(2) + torch.ones(3)
    with (
        pytest.raises(UsageError, match="this asks for sizes that cannot be had"),
        affordable("this"),
    ):
        bytearray(2**62)


def test_what_is_free_is_known_here():
    assert 2**26 < memory.available() < 2**50


def test_a_spec_longer_than_any_path_is_no_path():
    assert not is_elsewhere(f"mlp:widths=[{','.join(['4'] * 3000)}]")
