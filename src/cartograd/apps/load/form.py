"""What a written text has to be: by a JSON schema, a grammar or a pattern."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from cartograd.apps.load.form_rules import rules_of
from cartograd.apps.load.target import name_of
from cartograd.apps.load.writing import Writing
from cartograd.architectures.decoding.constrained import Constraint, constrained
from cartograd.architectures.decoding.grammar.automaton import Automaton
from cartograd.architectures.decoding.grammar.expressions import Expression
from cartograd.architectures.decoding.grammar.machine import Machine
from cartograd.architectures.decoding.grammar.words import Words
from cartograd.core.errors import UsageError

NEVER = b"\xff"
"""A byte that no text has."""


@dataclass(frozen=True)
class Form:
    """What the texts of one model have to be.

    Attributes:
        automaton: reads their bytes.
        words: what each token writes.
        stop: tokens that end a text.
    """

    automaton: Automaton
    words: Words
    stop: frozenset[int]

    def constraint(self, length: int, before: int, /) -> Constraint:
        """A sampler that keeps texts of at most so many tokens to the form.

        Args:
            length: greatest number of new tokens.
            before: how long the prompts are, padding counted in.

        Raises:
            UsageError: no text that is allowed is so short.
        """
        return constrained(self.automaton, self.words, self.stop, before, length=length)


def form_of(
    writing: Writing,
    /,
    *,
    schema: Any = None,
    grammar: str | Path | None = None,
    pattern: str | None = None,
) -> Form | None:
    """What a model's texts have to be; None where nothing is asked.

    Args:
        writing: the model.
        schema: a JSON schema, as an object, as its text, or a file of it.
        grammar: a grammar in GBNF, as its text, or a file of it.
        pattern: a regular expression, as JSON schemas have them.

    Raises:
        UsageError: there are several, one is not understood, or no text follows it.
    """
    rules, start = rules_of(schema=schema, grammar=grammar, pattern=pattern)
    if not rules:
        return None
    spelled = writing.words
    words = spelled.words
    single = {word[0] for word in words if word is not None and len(word) == 1}
    stop = writing.stop or frozenset(
        [number for number, word in enumerate(words) if word is None or NEVER in word][:1]
    )
    if not stop:
        raise UsageError(f"{name_of(writing.signed)} has no token that could end a text")
    return Form(_automaton(tuple(rules.items()), start, frozenset(single)), spelled, stop)


@lru_cache(maxsize=16)
def _automaton(
    rules: tuple[tuple[str, Expression], ...], start: str, spelled: frozenset[int]
) -> Automaton:
    """The automaton of some rules; what it has found out is kept for the next text."""
    return Automaton(Machine(dict(rules), start, spelled=spelled))
