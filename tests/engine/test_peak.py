import json

import pytest
import torch

from cartograd.engine import peak as module
from cartograd.engine.peak import fastest, peak

CPU = torch.device("cpu")


def test_a_product_is_measured_in_the_right_order():
    """Between what one core of the slowest and the fastest machine does."""
    assert 1e8 < fastest(torch.float32, CPU, seconds=0.1) < 1e14


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
