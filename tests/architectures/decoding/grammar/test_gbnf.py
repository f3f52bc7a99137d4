"""Grammars in files: what they mean, and what is wrong with them."""

import random

import pytest

from cartograd.architectures.decoding.grammar.automaton import NOWHERE, Automaton
from cartograd.architectures.decoding.grammar.gbnf import ROOT, rules_of
from cartograd.architectures.decoding.grammar.machine import Machine
from cartograd.core.errors import UsageError
from tests.architectures.decoding.grammar.walks import walked

SUMS = r"""
# sums in brackets, as deep as one likes
root ::= term (("+" | "-") term)*
term ::= number
       | "(" root ")"   # again
number ::= "-"? [1-9] [0-9]{0,2} | (
    "0"
)
"""


def takes(automaton, text):
    state = automaton.after(automaton.START, text.encode())
    return state != NOWHERE and bool(automaton.ends[state])


def test_a_grammar_that_nests():
    automaton, rng = Automaton(Machine(rules_of(SUMS), ROOT)), random.Random(0)
    for number in range(100):
        text = walked(automaton, rng, 1 + number % 30)
        assert len(text) <= 1 + number % 30
        assert isinstance(eval(text), int)
    deep = "(" * 3000 + "7" + ")" * 3000
    assert takes(automaton, deep)
    assert not takes(automaton, deep + ")")
    for text, right in {
        "-12+(3-0)": True,
        "01": False,
        "1+": False,
        "": False,
        "1234": False,
    }.items():
        assert takes(automaton, text) == right


def test_escapes_sets_and_any_character():
    automaton = Automaton(Machine(rules_of(r'root ::= "\"\n\x41\u00e9" [^a-c\]] .'), ROOT))
    assert takes(automaton, '"\nAéd😀')
    assert not takes(automaton, '"\nAéa😀')
    assert not takes(automaton, '"\nAé]x')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('root ::= "a', "line 1, column 12: a text in"),
        ('a ::= "b"', "no rule named 'root'"),
        ("", "no rule named 'root'"),
        ("root ::= [a-z] nam\nname ::= [a]", "line 1, column 16: .*did you mean 'name'"),
        ('root ::= root "a" | "b"', "'root' begins with itself"),
        ('root ::= "x"? b\nb ::= "y"* root', "begins with itself"),
        ('root ::= "a"\nroot ::= "b"', "is there twice"),
        ("root ::= (", "a group is not closed"),
        ('root ::= "a" )', "was not expected here"),
        ('root "a"', "expected ::="),
        ('root ::= "a" root', "no text of finite length"),
        ("= 3", "expected the name of a rule"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, said):
    with pytest.raises(UsageError, match=said):
        Machine(rules_of(text), ROOT)
