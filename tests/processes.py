"""Tests in several processes, forked from one that has imported and collected them all.

Importing the package under the shape-checking hook, the test files and the reference packages, and
collecting some twenty-five thousand tests, takes most of a minute of processor time. Workers that
start by themselves spend it each; forked ones share it, and the memory.

What a process takes at a time is a part: a test file, or two dozen tests of one; or all files that
share a fixture of the session. Parts are taken in the order of collection, by whichever process is
free: the numbers of the parts are written into a pipe from which all read.
"""

import argparse
import mmap
import os
import sys
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

import pytest

from tests.slowest import Slowest

MOST = 24
"""Tests of a part, where they share nothing."""

ALONE = "~"
"""The home of a test that shares no fixture; sorts behind every path."""


def add_option(parser: pytest.Parser) -> None:
    parser.addoption(
        "--processes", type=_count, default=0, help="run the tests in so many forked processes"
    )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; expected 0, 1, ...")
    return int(text)


def parts(items: list[pytest.Item]) -> list[list[pytest.Item]]:
    """What one process runs together, in the order of collection."""
    homes: dict[str, str] = {}
    for item in items:
        homes[_file(item)] = min(homes.get(_file(item), ALONE), _home(item))
    found: dict[str, list[pytest.Item]] = {}
    for item in items:
        file = _file(item)
        home = f"{ALONE}{file}" if homes[file] == ALONE else homes[file]
        found.setdefault(home, []).append(item)
    return [
        run[start : start + MOST] if home.startswith(ALONE) else run
        for home, run in found.items()
        for start in range(0, len(run) if home.startswith(ALONE) else 1, MOST)
    ]


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _home(item: pytest.Item) -> str:
    """Where the fixtures lie that it shares with others: a folder, its file, or nowhere."""
    known = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
    shared = [known[name][-1] for name in item.fixturenames if name in known]  # type: ignore[attr-defined]
    shared = [one for one in shared if one.baseid and one.scope != "function"]
    session = [one.baseid.partition("::")[0] for one in shared if one.scope == "session"]
    return min([*session, _file(item)] if shared else [ALONE])


class Processes:
    """The loop over the tests, where several processes are asked for."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.stop = mmap.mmap(-1, 1)  # seen by all: not 0 where no further test is to begin

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if session.config.option.collectonly or session.testsfailed or not session.items:
            return None  # what there is to say pytest's own loop says
        todo = parts(session.items)
        taken, given = os.pipe()
        os.write(given, b"".join(number.to_bytes(2) for number in range(len(todo))))
        os.close(given)
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        sys.stdout.flush()
        sys.stderr.flush()
        workers = {}
        try:
            for number in range(min(self.count, len(todo))):
                heard, told = Pipe(duplex=False)
                if (pid := os.fork()) == 0:
                    for one in (heard, *workers):  # so that none outlives who listens
                        one.close()
                    Worker(session, number, told, self.stop).run(todo, taken)
                told.close()
                workers[heard] = pid
            self._listen(session, workers)
        finally:
            self.stop[0] = 1
            for heard, pid in workers.items():
                heard.close()
                os.waitpid(pid, 0)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        return True

    def _listen(self, session: pytest.Session, workers: dict[Connection, int]) -> None:
        """Report what the processes tell, until all have ended."""
        hook, config = session.config.hook, session.config
        begun, open_ = dict.fromkeys(workers, "its first test"), set(workers)
        left = len(session.items)
        while open_:
            for heard in wait(list(open_)):
                try:
                    reports, begins, seconds = heard.recv()  # type: ignore[union-attr]
                except EOFError:
                    open_.discard(heard)  # type: ignore[arg-type]
                    if begun[heard]:  # type: ignore[index]
                        session.shouldfail = f"a process has died within {begun[heard]}"  # type: ignore[index]
                        self.stop[0] = 1
                    continue
                begun[heard] = begins  # type: ignore[index]
                left -= bool(begins)
                for data in reports:
                    report = hook.pytest_report_from_serializable(config=config, data=data)
                    hook.pytest_runtest_logreport(report=report)
                if seconds is not None:
                    config.pluginmanager.get_plugin("slowest").add(*seconds)
                if session.shouldfail or session.shouldstop:
                    self.stop[0] = 1
        if left and not self.stop[0]:
            session.shouldfail = f"{left} tests were not run"


class Worker:
    """One of the processes; what its tests report it tells the one that it was forked from."""

    def __init__(
        self, session: pytest.Session, number: int, told: Connection, stop: mmap.mmap
    ) -> None:
        self.session, self.number, self.told, self.stop = session, number, told, stop
        self.config = session.config
        self.reports: list[Any] = []

    def run(self, todo: list[list[pytest.Item]], taken: int) -> None:
        """Never returns: what the other process would do at its end is not done twice."""
        try:
            self._settle()
            self._loop(todo, taken)
            self._tell("")
            code = 0
        except (KeyboardInterrupt, BrokenPipeError, pytest.exit.Exception):
            code = 2
        except BaseException:
            traceback.print_exc()
            code = 3
        finally:
            self.config.pluginmanager.get_plugin("capturemanager").stop_global_capturing()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)

    def _settle(self) -> None:
        """An output, a folder and a count of its own."""
        plugins, factory = self.config.pluginmanager, self.config._tmp_path_factory  # type: ignore[attr-defined]
        capture = plugins.get_plugin("capturemanager")
        capture.stop_global_capturing()
        capture.start_global_capturing()
        plugins.unregister(name="terminalreporter")
        factory._basetemp = factory.getbasetemp() / f"process-{self.number}"
        factory._basetemp.mkdir(mode=0o700)
        plugins.get_plugin("slowest").files.clear()
        plugins.register(self)

    def _loop(self, todo: list[list[pytest.Item]], taken: int) -> None:
        items, session = self._items(todo, taken), self.session
        item = next(items, None)
        try:
            while item is not None and not self.stop[0]:
                following = next(items, None)
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.shouldfail or session.shouldstop:
                    break
                item = following
        finally:  # where it ended early fixtures are still there
            session._setupstate.teardown_exact(None)

    def _items(self, todo: list[list[pytest.Item]], taken: int) -> Iterator[pytest.Item]:
        while number := os.read(taken, 2):
            yield from todo[int.from_bytes(number)]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._tell(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        to = self.config.hook.pytest_report_to_serializable
        self.reports.append(to(config=self.config, report=report))

    def _tell(self, begins: str) -> None:
        """What has been reported, and the test that begins; at the end the processor seconds."""
        slowest: Slowest = self.config.pluginmanager.get_plugin("slowest")
        self.told.send((self.reports, begins, None if begins else slowest.told()))
        self.reports = []
