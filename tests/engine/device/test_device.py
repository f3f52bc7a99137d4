import pytest
import torch
import torch.nn.functional as F

from cartograd.core.errors import UsageError
from cartograd.engine.device import device
from cartograd.engine.device.device import check_compiler, check_precision, fast_bf16, pick

CPU = torch.device("cpu")


def test_auto_takes_a_gpu_if_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick().type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick("auto").type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick("auto") == CPU
    assert pick("cpu") == CPU


def test_absent_devices_are_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="'cuda' is not present here; this machine has: cpu"):
        pick("cuda")
    with pytest.raises(UsageError, match="unknown device 'cdua'; did you mean 'cuda'"):
        pick("cdua")
    with pytest.raises(UsageError, match="unknown device 'auto:1'"):
        pick("auto:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(UsageError, match="'cuda:2' is not present; there are 2"):
        pick("cuda:2")


def test_bf16_needs_arithmetic_for_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert fast_bf16(CPU)
    assert device.exact_bf16("cpu")  # imitated or not
    assert check_precision("bf16", CPU) == "bf16"
    assert device.choice(CPU).chosen == "bfloat16"
    assert device.choice(CPU).fallback == "float32"
    monkeypatch.setattr(device, "exact_bf16", lambda kind: False)
    with pytest.warns(UserWarning, match="cpu multiplies wrongly in bfloat16 here: computing in"):
        assert check_precision("bf16", CPU) == "float32"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    with pytest.warns(UserWarning, match="no bfloat16 arithmetic here: computing in float32"):
        assert check_precision("bf16", CPU) == "float32"
    assert check_precision("float32", CPU) == "float32"


@pytest.mark.parametrize("there_and_back", [False, True])
def test_wrong_bf16_products_are_found(monkeypatch, there_and_back):
    usual = F.linear

    def cut(x, weight, bias=None):
        wrong = x.requires_grad == there_and_back
        return usual(x, weight, bias).clamp(-9, 9) if wrong else usual(x, weight, bias)

    device.exact_bf16.cache_clear()
    monkeypatch.setattr(device.F, "linear", cut)
    try:
        assert not device.exact_bf16("cpu")
        assert device.exact_bf16("cuda")
    finally:
        device.exact_bf16.cache_clear()


@pytest.mark.parametrize("name", ["fp16", "float16", "half"])
def test_half_precision_is_refused(name):
    with pytest.raises(UsageError, match="use 'bf16' or 'float32'"):
        check_precision(name, CPU)


def test_emulated_precision_is_taken_without_arithmetic_for_it(monkeypatch):
    """Where products are right; it is for accuracies, never for speed."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    for name, dtype in device.EMULATED.items():
        assert check_precision(name, CPU) == name
        with device.autocast(name, CPU):
            assert F.linear(torch.ones(1, 2), torch.ones(3, 2)).dtype == dtype
    monkeypatch.setattr(device, "exact_bf16", lambda kind: False)
    with pytest.raises(UsageError, match="multiplies wrongly in bfloat16 here; use 'float32'"):
        check_precision("bf16-emulated", CPU)


def test_the_compiler_is_looked_for(monkeypatch):
    monkeypatch.setattr(device.shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(UsageError, match=r"needs a C\+\+ compiler"):
        check_compiler()
    monkeypatch.setattr(device.shutil, "which", lambda name: f"/bin/{name}")
    check_compiler()
