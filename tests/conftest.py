"""What holds for every test: fixed seeds, one thread, no network, poisoned memory.

Loaded as a plugin for the doctests too. It must not import `cartograd`: the shape-checking hook
has to be in place first.
"""

import ctypes
import gc
import importlib.util
import os
import random
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import torch

from tests import processes, shapes
from tests.slowest import Slowest

# Programs that tests start are kept off the network by a proxy that nobody serves.
for _name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
    os.environ[_name] = "http://127.0.0.1:9"
os.environ.update(
    no_proxy="localhost,127.0.0.1,::1",
    NO_PROXY="localhost,127.0.0.1,::1",
    HF_HUB_OFFLINE="1",
    KERAS_BACKEND="torch",
    MPLBACKEND="Agg",
    CARTOGRAD_COMPILER="off",  # products are torch's but where a test asks for compiled ones
    OMP_NUM_THREADS="1",
    LC_ALL="C.UTF-8",  # messages are English but where a test asks for Chinese
)

# What is imported and collected lives as long as the session; looking through it for garbage again
# and again took a tenth of the time. `pytest_collection_finish` looks no further than that.
gc.disable()

shapes.install()  # other files of fixtures import the package when they are read

GPU = os.environ.get("CARTOGRAD_GPU") == "1"
"""Set by `make gpu`, whose tests alone see a GPU: the others count on a processor's last bits."""
if not GPU:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
collect_ignore = [] if GPU else ["gpu"]

ALL_ORACLES = os.environ.get("CARTOGRAD_ALL_ORACLES") == "1"
"""Set by `make test`, which installs every reference package: then none may be skipped."""


def _declare_operators() -> Any:
    """Two operators that torchvision's Python code mentions, where its compiled ones do not load.

    They do not beside a CPU build of torch; beside the build that they were made for they do, and
    declared twice they end the process. What is declared lives as long as the returned object.
    """
    found = importlib.util.find_spec("torchvision")
    folders = [] if found is None else found.submodule_search_locations
    try:
        for file in (file for folder in folders or () for file in Path(folder).glob("_C*")):
            ctypes.CDLL(str(file))
            return None
    except OSError:
        pass
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


_TORCHVISION = _declare_operators()

hypothesis.settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],  # it measures time
)
hypothesis.settings.load_profile("house")

# Without another device to seed, `torch.manual_seed` still notes for each of three kinds of them
# where it was called from: a millisecond, and it is called before every test.
_seed = torch.manual_seed if torch.cuda.is_available() else torch.default_generator.manual_seed

_connect = socket.socket.connect
_resolve = socket.getaddrinfo
_LOCAL = re.compile(r"localhost|127(\.\d+){3}|::1|0\.0\.0\.0|::|")


def _refuse(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name is not None and not _LOCAL.fullmatch(str(name)):
        raise RuntimeError(f"a test tried to reach {name}; tests stay on this machine")


def _guarded_connect(self: socket.socket, address: Any) -> None:
    if isinstance(address, tuple):
        _refuse(address[0])
    _connect(self, address)


def _guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
    _refuse(host)
    return _resolve(host, *args, **kwargs)


def pytest_addoption(parser: pytest.Parser) -> None:
    processes.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Slowest(config), "slowest")
    if config.option.processes:
        config.pluginmanager.register(processes.Processes(config.option.processes))
    torch.set_num_threads(1)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background of a shell
        signal.signal(signal.SIGINT, signal.default_int_handler)
    socket.socket.connect = _guarded_connect  # type: ignore[method-assign]
    socket.getaddrinfo = _guarded_resolve


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _same_every_time() -> Iterator[None]:
    """Fixed seeds, and fresh memory full of NaN; both global states as before at the end."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  third parties draw from it
    _seed(0)
    # Deterministic mode also fills what torch.empty returns with NaN. Asked for by this name, it
    # does not import torch's compiler: two seconds of each small room.
    torch.set_deterministic_debug_mode("error")
    yield
    torch.set_deterministic_debug_mode("default")
    torch.set_default_dtype(torch.float32)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What most tests only pay for is done in those marked for it.

    `program`: an ONNX file is kept of foreign modules. It takes a second of processor for each,
    and is traced without the shape-checking hook. `chart`: charts are written, not only drawn; it
    took a third of the time of the command line's tests. `yardstick`: a quick model is fitted
    beside each that is trained. What a prediction takes is told from a few calls. Before all
    fixtures, also those of a whole file.
    """
    from cartograd.apps.report import theme
    from cartograd.apps.verbs import kept_program
    from cartograd.practice.deployment import in_turns
    from cartograd.practice.yardsticks import yardstick

    in_turns.SECONDS, in_turns.CALLS = 0.0, in_turns.LEAST
    asked = item.get_closest_marker("program") is not None
    kept_program.wanted = kept_program.unnamed if asked else lambda model: False
    if item.get_closest_marker("compile") is not None:
        from tests import exports

        exports.install()
    asked = item.get_closest_marker("chart") is not None
    theme.written = theme.as_svg if asked else lambda figure: "<svg></svg>\n"
    asked = item.get_closest_marker("yardstick") is not None
    yardstick.wanted = yardstick.fits if asked else lambda signature: False


def _skip_is_a_failure(report: Any) -> str | None:
    """Why a skipped oracle test counts as failed, or None where it may be skipped."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if "has not been fetched: cartograd data get" in reason:
        return None  # published weights; each has a random twin that is compared in any case
    package = re.search(r"could not import '([\w.]+)'", reason)
    absent = package and importlib.util.find_spec(package[1].partition(".")[0]) is None
    return None if absent and not ALL_ORACLES else f"an oracle must not be skipped: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    xfailed = hasattr(report, "wasxfail")
    if report.skipped and not xfailed and item.get_closest_marker("oracle"):
        failure = _skip_is_a_failure(report)
        if failure:
            report.outcome, report.longrepr = "failed", failure
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    if report.skipped:  # a whole file: pytest.importorskip at its top
        failure = _skip_is_a_failure(report)
        if failure:
            report.outcome, report.longrepr = "failed", failure
    return report
