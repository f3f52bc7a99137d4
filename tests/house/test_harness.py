"""The test harness itself: its guards hold."""

import socket
import urllib.request
import warnings

import pytest
import torch


def test_network_is_blocked():
    with pytest.raises(RuntimeError, match="tests stay on this machine"):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            "http://example.org", timeout=1
        )
    with pytest.raises(RuntimeError, match="tests stay on this machine"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_loopback_is_allowed():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname(), timeout=5):
            pass


def test_one_thread_and_fixed_seed():
    assert torch.get_num_threads() == 1
    drawn = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(3))


def test_new_memory_is_poisoned():
    assert torch.empty(8).isnan().all()


def test_warnings_are_errors():
    with pytest.raises(UserWarning):
        warnings.warn("attention", stacklevel=1)


def test_torchvision_imports_beside_the_cpu_build():
    from torchvision.models import resnet18

    with torch.device("meta"):
        assert sum(p.numel() for p in resnet18().parameters()) == 11_689_512
