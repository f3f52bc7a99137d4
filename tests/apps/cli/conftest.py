from collections.abc import Callable

import pytest

from tests.commands import Done, command


@pytest.fixture
def cli_run(monkeypatch, tmp_path, capsys) -> Callable[..., Done]:
    """Runs a command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return command(capsys, monkeypatch)
