import json
import time

import pytest
import torch

from cartograd.engine.device import peak as module
from cartograd.engine.device.peak import fastest, peak

CPU = torch.device("cpu")


@pytest.mark.parametrize(("product", "convolution"), [(2e-3, 5.0), (5.0, 4e-3)])
def test_operations_over_seconds_of_the_quicker_library(monkeypatch, product, convolution):
    """The best of several goes, by a clock that only the work sets forward."""
    now, slower = [0.0], iter([3.0, 1.0] + [2.0] * 1000)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def takes(seconds):
        def work(*_, **__):
            now[0] += seconds * next(slower)

        return work

    monkeypatch.setattr(torch, "mm", takes(product))
    monkeypatch.setattr(torch.nn.functional, "conv2d", takes(convolution))
    found = fastest(torch.float32, CPU, seconds=0.1)
    if product < convolution:
        assert found == pytest.approx(2 * 768**3 / product)
    else:
        assert found == pytest.approx(2 * 9 * 128 * 32 * 128 * 16 * 16 / (2 * convolution))


def test_real_products_and_convolutions_are_done():
    assert 0 < fastest(torch.float32, CPU, seconds=0.0) < float("inf")


def test_the_peak_is_kept_and_measured_again_when_a_run_was_faster(tmp_path, monkeypatch):
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path))
    speeds = iter([1e9, 3e9, 2e9])
    monkeypatch.setattr(module, "fastest", lambda *_: next(speeds))
    assert peak("float32", CPU) == 1e9
    assert peak("float32", CPU) == 1e9
    assert peak("float32", CPU, at_least=2e9) == 3e9
    assert peak("float32", CPU, at_least=5e9) == 3e9  # never below what is known
    (key,) = json.loads((tmp_path / "peak.json").read_text())
    assert "float32" in key
    assert "1 threads" in key
    assert torch.__version__ in key


def test_a_damaged_or_unwritable_cache_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "fastest", lambda *_: 1e9)
    (tmp_path / "peak.json").write_text("{")
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path))
    assert peak("float32", CPU) == 1e9
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "file"))
    assert peak("bf16", CPU) == 1e9


@pytest.mark.parametrize("name", ["nonsense"])
def test_an_unknown_precision_is_ours_to_know(name):
    with pytest.raises(KeyError):
        peak(name, CPU)
