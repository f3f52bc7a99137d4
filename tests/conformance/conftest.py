"""Notes what was collected here before `-m` and `-k` leave anything out."""

from pathlib import Path

import pytest

from tests.stand_ins import NAMES, standing_in

HERE = Path(__file__).parent
COLLECTED = pytest.StashKey[list[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    config.stash[COLLECTED] = [item.path.name for item in items if item.path.parent == HERE]


@pytest.fixture
def collected(request):
    """The file of each collected check."""
    return request.config.stash[COLLECTED]


@pytest.fixture(autouse=True)
def packages(request):
    """Stand-ins for what an exporter needs that the suite does without."""
    card = getattr(request.node, "callspec", None) and request.node.callspec.params.get("card")
    if card is None or card.needs not in NAMES:
        yield
        return
    with standing_in():
        yield
