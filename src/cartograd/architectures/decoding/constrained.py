"""Constrained decoding: only tokens after which the text can still become what it has to be.

A JSON schema, a grammar or a pattern becomes an automaton that reads bytes. Before each token it
walks the whole vocabulary at once from where the text stands, and excludes tokens that lead nowhere
or so far that the rest would not fit. So every text is a whole one, however few tokens it may have
and however little the model knows.

    z_i = -inf   if   state(text + token_i) is dead   or   rest(text + token_i) > tokens left - 1

`rest` counts bytes, each of which is a token by itself in the vocabularies that this takes.

Shapes: logits `b v`, kept.

Departures: the papers do not bound the length, where theirs are cut in the middle; and they keep
the automaton on tokens, for which all of it has to be made beforehand; ours is made as it is
walked, so that grammars that nest take no more than what is met.

References:
    Brandon Willard, Rémi Louf. Efficient guided generation for large language models. 2023.
    https://arxiv.org/abs/2307.09702
    Yixin Dong et al. XGrammar: flexible and efficient structured generation engine for large
    language models. 2024. https://arxiv.org/abs/2411.15100

>>> from cartograd.architectures.decoding.grammar.expressions import literal
>>> from cartograd.architectures.decoding.grammar.machine import Machine
>>> words = [b"a", b"b", b"ab", None]
>>> only = constrained(Automaton(Machine({"root": literal("abab")}, "root")), words, (3,), length=9)
>>> z = only(torch.zeros(1, 4), torch.zeros(1, 0, dtype=torch.int64))
>>> z.isfinite().tolist()
[[True, False, True, False]]
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int32
from torch import Tensor

from cartograd.architectures.decoding.grammar.automaton import NOWHERE, Automaton
from cartograd.architectures.decoding.grammar.words import Words
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="constrained",
    kind="decoding",
    entry="constrained",
    nodes=("llm/tools",),
    title="Constrained decoding (JSON schema, grammar, pattern)",
    zh="约束解码（JSON 模式、文法、正则表达式）",
    paper="Efficient guided generation for large language models",
    year=2023,
    url="https://arxiv.org/abs/2307.09702",
    proofs=(
        "oracle: what a model of noise writes under a schema is valid by jsonschema, every time, "
        "at every length that allows it",
        "law: exactly the tokens stay after which some text is whole in time, by trying all",
    ),
    evidence={
        "llm/tools": (
            "test_every_text_is_valid_by_jsonschema",
            "test_calls_come_before_the_answer",
            "test_the_budget_ends_in_an_answer",
            "test_a_model_of_noise_only_makes_calls_that_follow_the_schema",
            "test_what_a_tool_says_brings_in_no_control_token",
            "test_a_model_behind_an_address",
            "acceptance:tool-arithmetic",
        ),
    },
    tiny={"length": 8},
)

KEPT = 512
"""States of which it is kept where each token leads."""


class Constraint:
    """A token sampler that leaves only what an automaton allows; see `constrained`."""

    def __init__(
        self,
        automaton: Automaton,
        words: Words,
        stop: Collection[int],
        before: int = 0,
        /,
        *,
        length: int,
    ) -> None:
        self.automaton, self.words, self.stop = automaton, words, sorted(stop)
        self.length, self.before = length, before
        self._walked: OrderedDict[int, Int32[np.ndarray, " v"]] = OrderedDict()
        self._states: dict[tuple[int, ...], int] = {(): automaton.START}

    def __call__(
        self, logits: Float[Tensor, "b v"], seen: Int[Tensor, "b t"], /
    ) -> Float[Tensor, "b v"]:
        """The logits with minus infinity for tokens that may not come next.

        Args:
            logits: of the next token.
            seen: prompt and text so far.
        """
        rows = [tuple(row) for row in seen[:, self.before :].tolist()]
        self._states = {row: self._state(row) for row in dict.fromkeys(rows)} | {(): 0}
        out = np.ones(tuple(logits.shape), dtype=bool)
        for place, row in enumerate(rows):
            state = self._states[row]
            allowed = self.allowed(state, self.length - len(row))
            out[place, : len(allowed)] = ~allowed
        return logits.masked_fill(torch.from_numpy(out).to(logits.device), -torch.inf)

    def allowed(self, state: int, room: int, /) -> Bool[np.ndarray, " v"]:
        """Which tokens may come next.

        Args:
            state: of the automaton.
            room: how many tokens may still be written.
        """
        if state not in self._walked:
            self._walked[state] = self.automaton.walk(self.words, state)
            if len(self._walked) > KEPT:
                self._walked.popitem(last=False)
        after = self._walked[state]
        allowed = (after != NOWHERE) & (self.automaton.over[after] <= room - 1)
        if self.automaton.ends[state]:
            allowed[self.stop] = True
        return allowed

    def whole(self, tokens: Sequence[int], /) -> bool:
        """Whether the text of some tokens, without those that end it, is all that it has to be."""
        text = [token for token in tokens if token not in self.stop]
        return bool(self.automaton.ends[self._state(tuple(text))])

    def _state(self, row: tuple[int, ...]) -> int:
        """Where the automaton is after some tokens."""
        if row in self._states:
            return self._states[row]
        before = self._state(row[:-1]) if row[:-1] in self._states else self._anew(row[:-1])
        return self.automaton.after(before, self.words.words[row[-1]] or b"")

    def _anew(self, row: tuple[int, ...]) -> int:
        state = self.automaton.START
        for token in row:
            state = self.automaton.after(state, self.words.words[token] or b"")
        return state


def constrained(
    automaton: Automaton,
    words: Words | Sequence[bytes | None],
    stop: Collection[int],
    before: int = 0,
    /,
    *,
    length: int,
) -> Constraint:
    """A token sampler, the first of a chain, that leaves only tokens of texts that are allowed.

    Args:
        automaton: which texts are.
        words: what each token of the vocabulary writes, None for nothing; made into `Words` once
            where many texts are written.
        stop: tokens that end a text.
        before: how long the prompts are, padding counted in.
        length: greatest number of new tokens.

    Raises:
        UsageError: the shortest text has more bytes than there are tokens to write, or no token
            could end it.
    """
    shortest = int(automaton.over[automaton.START])
    if shortest > length:
        raise UsageError(
            f"length={length} is too short: the shortest text that is allowed has {shortest} bytes,"
            f" each of which may take a token; give length={shortest} or more"
        )
    if not stop:
        raise UsageError("no token ends a text; expected at least one number in stop")
    words = words if isinstance(words, Words) else Words(words)
    return Constraint(automaton, words, stop, before, length=length)
