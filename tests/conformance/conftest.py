"""Notes what was collected here before `-m` and `-k` leave anything out."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
COLLECTED = pytest.StashKey[list[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    config.stash[COLLECTED] = [item.path.name for item in items if item.path.parent == HERE]


@pytest.fixture
def collected(request):
    """The file of each collected check."""
    return request.config.stash[COLLECTED]
