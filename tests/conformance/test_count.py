"""The suite counts itself: a suite that shrinks in silence looks green."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from cartograd.core.registry import ROOT

HERE = Path(__file__).parent


def _expected():
    """Checks times cards, counted in the text of the tests and of the sources."""
    kinds = Counter(
        kind
        for path in ROOT.rglob("*.py")
        for kind in re.findall(r'^CARD = Card\(.*?kind="([\w-]+)"', path.read_text(), re.M | re.S)
    )
    checks = 0
    for path in HERE.glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                over = [d for d in node.decorator_list if ast.unparse(d).startswith("over(")]
                named = [argument.value for argument in over[0].args] if over else []
                cards = sum(kinds[kind] for kind in named or kinds)
                checks += cards if over else 1
    return checks, kinds


def test_every_check_is_collected_for_every_card(collected):
    if set(collected) != {path.name for path in HERE.glob("test_*.py")}:
        pytest.skip("only a part was asked for")
    checks, kinds = _expected()
    assert len(collected) == checks
    assert sum(kinds.values()) >= 20
    assert checks >= 500
