"""The processor seconds of each test file, printed at the end of a run; nothing depends on them.

User and system time of the process and of the programs it has waited for: what another program
on the machine does at the same time is not in it. A file's share is its import, its tests and the
fixtures that were made for them.
"""

import os
from collections import Counter
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

LINES = 15


def used() -> float:
    """Processor seconds of this process, its children and the warm server of programs until now."""
    return sum(os.times()[:4]) + _server()


def _server() -> float:
    """Those of `tests.programs`' server and of what it forked: it has not been waited for yet."""
    stat = Path(f"/proc/{forkserver._forkserver._forkserver_pid}/stat")  # type: ignore[attr-defined]
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:  # none has been started, or the system does not tell
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


class Slowest:
    """Counts in every worker; the process that starts them adds up and prints."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.files: Counter[str] = Counter()
        self.whole = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        before = used()
        report = yield
        if isinstance(collector, pytest.Module):
            self.files[collector.nodeid] += used() - before
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        before = used()
        done = yield
        self.files[item.nodeid.partition("::")[0]] += used() - before
        return done

    def pytest_sessionfinish(self) -> None:
        """No wrapper: xdist's own, which sends the output, has to come after it."""
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput["processor"] = self.told()

    def told(self) -> tuple[dict[str, float], float]:
        """What a worker tells at its end: of each file, and in all."""
        return dict(self.files), used()

    def add(self, files: dict[str, float], whole: float) -> None:
        """Count what a worker has told."""
        self.files.update(files)
        self.whole += whole

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.add(*getattr(node, "workeroutput", {}).get("processor", ({}, 0.0)))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if hasattr(self.config, "workeroutput") or not self.files:
            return
        terminalreporter.section("slowest files, in processor seconds")
        for file, seconds in self.files.most_common(LINES):
            terminalreporter.write_line(f"{seconds:8.1f}  {file}")
        # The workers' times are among those of the children as well.
        whole = self.whole + sum(os.times()[:2]) if self.whole else used()
        terminalreporter.write_line(f"{whole:8.1f}  in all")
