"""Each proof that a card claims has a test behind it, and each mark names a card."""

import ast
from collections import defaultdict
from pathlib import Path

from cartograd.core import registry
from cartograd.core.card import PROOFS
from tests.conformance.support import over

TESTS = Path(__file__).parents[1]


def _marks(tree):
    """(kind, card, test) for every mark of a proof in a file, on a test, a class or the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                for kind, names in _names(decorator):
                    yield kind, names, node.name
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            values = node.value.elts if isinstance(node.value, ast.List) else [node.value]
            for value in values:
                for kind, names in _names(value):
                    yield kind, names, "pytestmark"


def _names(node):
    if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("pytest.mark."):
        kind = ast.unparse(node.func).removeprefix("pytest.mark.")
        if kind in PROOFS:
            yield kind, [ast.literal_eval(argument) for argument in node.args]


PROVED = defaultdict(set)
"""(kind, card): the tests that stand behind it."""
for _path in sorted(TESTS.rglob("test_*.py")):
    for _kind, _cards, _test in _marks(ast.parse(_path.read_text(encoding="utf-8"))):
        for _card in _cards:
            PROVED[_kind, _card].add(f"{_path.relative_to(TESTS)}::{_test}")


def _mark(card):
    """What a mark calls a card: its name, with its kind where other kinds have the name too."""
    alone = len(registry.lookup(card.name)) == 1
    return card.name if alone else f"{card.kind} {card.name}"


@over()
def test_each_claimed_proof_has_a_test(card):
    claimed = {proof.partition(":")[0] for proof in card.proofs}
    assert claimed
    assert not [kind for kind in claimed if not PROVED[kind, _mark(card)]]


@over()
def test_each_test_of_a_proof_is_claimed(card):
    claimed = {proof.partition(":")[0] for proof in card.proofs}
    own = _mark(card)
    assert {kind for kind, name in PROVED if name == own and PROVED[kind, name]} <= claimed


@over()
def test_as_many_tests_as_lines(card):
    """A line of its own deserves a test of its own."""
    for kind in PROOFS:
        lines = sum(proof.startswith(kind + ":") for proof in card.proofs)
        assert len(PROVED[kind, _mark(card)]) >= lines


def test_each_mark_names_a_card():
    assert not {name for _, name in PROVED} - {_mark(card) for card in registry.cards().values()}
