"""The test harness itself: its guards hold."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
import warnings

import pytest
import torch

from tests.programs import Program
from tools.source import ROOT

BOTH = {"test_skipped", "test_absent"}


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
        with socket.create_connection(server.getsockname(), timeout=600):
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


SKIPS = """
import pytest

pytestmark = pytest.mark.oracle("mlp")

def test_skipped(): pytest.skip("no time")
def test_absent(): pytest.importorskip("no_such_reference")
def test_unfetched(): pytest.skip("w has not been fetched: cartograd data get w")
def test_expected(): pytest.xfail("differs")
"""


@pytest.mark.parametrize(("all_oracles", "failed"), [("0", {"test_skipped"}), ("1", BOTH)])
def test_a_skipped_oracle_is_a_failure(tmp_path, all_oracles, failed):
    """But for one whose reference is not installed, where not all have to be."""
    (tmp_path / "test_skips.py").write_text(SKIPS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest",
         "-p", "no:cacheprovider", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"CARTOGRAD_ALL_ORACLES": all_oracles},
    )  # fmt: skip
    assert done.returncode == 1
    assert set(re.findall(r"^FAILED .*::(\w+)", done.stdout, re.MULTILINE)) == failed
    assert "an oracle must not be skipped: " in done.stdout
    assert "1 xfailed" in done.stdout


def speaks_and_ends(code):
    print(os.getcwd(), "cartograd.core" in sys.modules, flush=True)
    print("mistake", file=sys.stderr)
    sys.exit(code)


def waits():
    print("begun", flush=True)
    signal.pause()


def test_a_forked_program_has_its_own_folder_streams_and_exit_code(tmp_path):
    program = Program(speaks_and_ends, 3, cwd=tmp_path)
    assert program.communicate() == (f"{tmp_path} True\n", "mistake\n")
    assert program.returncode == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_forked_program_is_ended_by_a_signal(number):
    program = Program(waits)
    assert program.line() == "begun"
    assert program.poll() is None
    program.send_signal(number)
    program.communicate()
    assert program.returncode == -number


def test_a_forked_program_is_interrupted_as_a_fresh_one_is():
    program = Program(waits)
    assert program.line() == "begun"
    program.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in program.communicate()[1]
    assert program.returncode == 1
