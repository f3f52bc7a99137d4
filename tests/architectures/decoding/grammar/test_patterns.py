"""Patterns match what Python's regular expressions match."""

import random
import re

import pytest

from cartograd.architectures.decoding.grammar.automaton import NOWHERE, Automaton
from cartograd.architectures.decoding.grammar.machine import Machine
from cartograd.architectures.decoding.grammar.patterns import pattern
from cartograd.core.errors import UsageError
from tests.architectures.decoding.grammar.walks import walked

PATTERNS = [
    r"^(?:ab|c*)d{1,3}$", r"a.b", r"\w+@[^x-z]", r"^\u00e9[à-ü]?$", r"^[\d-]+x\.$", r"^(a|b)*?c",
    r"x\x2e|@", r"^[^\W\d]{2,}$", r"\.$", "",
]  # fmt: skip


@pytest.mark.parametrize("text", PATTERNS)
def test_the_same_texts_as_pythons(text):
    automaton, rng = Automaton(Machine({"it": pattern(text)}, "it")), random.Random(1)
    for _ in range(40):
        made = walked(automaton, rng, int(automaton.machine.shortest) + rng.randrange(9))
        assert re.search(text, made, re.ASCII)
    for _ in range(600):
        tried = "".join(rng.choice("abcdx.-@é1") for _ in range(rng.randrange(6)))
        state = automaton.after(automaton.START, tried.encode())
        ours = state != NOWHERE and bool(automaton.ends[state])
        assert ours == bool(re.search(text, tried, re.ASCII)), tried


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(?=a)b", "column 2: groups are"),
        ("a**", "column 3: '\\*' has nothing to repeat"),
        ("(a", "a group is not closed"),
        ("a)", "'\\)' has nothing to close"),
        ("[a", "a set .* is not closed"),
        ("[z-a]", "a range goes from"),
        (r"\bword", "escape .b is not known"),
        (r"(a)\1", "escape .1 is not known"),
        ("a{3,1}", "at least 3 and at most 1"),
        ("a{x}", "expected {m}"),
        (r"\ud800", "is no character"),
        (r"\u12", "wants 4 hexadecimal digits"),
        ("^a|b$", "one of the alternatives only"),
        ("a$b", "only known at the end"),
    ],
)
def test_what_is_not_known_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        pattern(text)
