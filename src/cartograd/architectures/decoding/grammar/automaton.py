"""An automaton that reads bytes and knows at each what may follow; made as far as it is walked.

A state is the set of places in which the machine may be, each with the places to come back to.
Which bytes lead where is found out when a state is first met, and kept as a row of a table; so many
texts are walked at once by indexing. Places from which no text can end are left out.

References:
    Ken Thompson. Regular expression search algorithm. CACM, 1968.
    https://dl.acm.org/doi/10.1145/363347.363387

>>> from cartograd.architectures.decoding.grammar.expressions import literal, optional, sequence
>>> automaton = Automaton(Machine({"root": sequence(literal("a"), optional(literal("b")))}, "root"))
>>> state = automaton.after(automaton.START, b"a")
>>> int(automaton.over[state]), bool(automaton.ends[state]), automaton.after(state, b"c")
(0, True, -1)
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from cartograd.architectures.decoding.grammar.machine import Machine
from cartograd.architectures.decoding.grammar.words import Words
from cartograd.core.errors import UsageError

STATES = 100_000
"""Most states of an automaton."""

NOWHERE = -1
"""The state of what is no beginning of a text."""


@dataclass(frozen=True, eq=False, slots=True)
class Back:
    """A node to come back to; there is one object for each such node and what comes after it.

    Attributes:
        node: to come back to.
        back: where to come back to from its rule.
        over: the fewest bytes to the end of all of them.
    """

    node: int
    back: "Back | None"
    over: float


Place = tuple[int, Back | None]
"""A node of the machine, and where it comes back to."""


class Automaton:
    """What texts of a machine's rules may be, byte by byte.

    Args:
        machine: the rules.

    Attributes:
        table: for each state met so far the next one, by bytes; `NOWHERE` where there is none.
        over: of each state, the fewest bytes that end the text.
        ends: whether the text may end in each state.
    """

    START = 0

    def __init__(self, machine: Machine, /) -> None:
        self.machine = machine
        self.table = np.full((64, 256), NOWHERE, dtype=np.int32)
        self.over = np.zeros(64)
        self.ends = np.zeros(64, dtype=bool)
        self.known = np.zeros(64, dtype=bool)
        self._end: Place = (machine.last[machine.start], None)
        self._backs: dict[tuple[int, Back | None], Back] = {}
        self._places: list[frozenset[Place]] = []
        self._numbers: dict[frozenset[Place], int] = {}
        self._state(frozenset({(machine.first[machine.start], None)}))

    def after(self, state: int, text: bytes, /) -> int:
        """The state after some bytes; `NOWHERE` if no text goes on like that."""
        for byte in text:
            if state == NOWHERE:
                return NOWHERE
            self.find(state)
            state = int(self.table[state, byte])
        return state

    def find(self, state: int, /) -> None:
        """Find out where each byte leads from a state.

        Raises:
            UsageError: there are too many states.
        """
        if self.known[state]:
            return
        row = np.full(256, NOWHERE, dtype=np.int32)
        targets: list[list[Place]] = [[] for _ in range(256)]
        for node, back in self._places[state]:
            for first, last, after in self.machine.steps[node]:
                for byte in range(first, last + 1):
                    targets[byte].append((after, back))
        made: dict[frozenset[Place], int] = {}
        for byte, places in enumerate(targets):
            if places:
                raw = frozenset(places)
                if raw not in made:
                    made[raw] = self._state(raw)
                row[byte] = made[raw]
        self.table[state] = row
        self.known[state] = True

    def walk(self, words: Words, state: int, /) -> Int32[np.ndarray, " v"]:
        """The state after each of many words.

        Args:
            words: of a vocabulary.
            state: to begin from.

        Returns:
            States, `NOWHERE` where no text goes on like that, or the word is none.
        """
        found, before = list[np.ndarray](), np.array([state], dtype=np.int32)
        for shorter, byte in words.levels:
            after = np.full(len(byte), NOWHERE, dtype=np.int32)
            start = before[shorter]
            alive = np.flatnonzero(start != NOWHERE)
            start = start[alive]
            for one in np.unique(start[~self.known[start]]):
                self.find(int(one))
            after[alive] = self.table[start, byte[alive]]
            found.append(after)
            before = after
        found.append(np.array([NOWHERE], dtype=np.int32))
        return np.concatenate(found)[words.places]

    def _state(self, raw: frozenset[Place]) -> int:
        """The number of the state of some places; `NOWHERE` if no text can end from there."""
        places = self._closed(raw)
        if places not in self._numbers:
            least = min((self._least(place) for place in places), default=math.inf)
            if math.isinf(least):
                return NOWHERE
            number = len(self._places)
            if number == STATES:
                raise UsageError(f"the text has led to more than {STATES:,} states; simplify it")
            if number == len(self.over):
                self._grow()
            self._places.append(places)
            self._numbers[places] = number
            self.over[number], self.ends[number] = least, self._end in places
        return self._numbers[places]

    def _grow(self) -> None:
        more = len(self.over)
        self.table = np.concatenate([self.table, np.full((more, 256), NOWHERE, dtype=np.int32)])
        self.over = np.concatenate([self.over, np.zeros(more)])
        self.ends = np.concatenate([self.ends, np.zeros(more, dtype=bool)])
        self.known = np.concatenate([self.known, np.zeros(more, dtype=bool)])

    def _least(self, place: Place) -> float:
        node, back = place
        return self.machine.over[node] + (0.0 if back is None else back.over)

    def _closed(self, raw: frozenset[Place]) -> frozenset[Place]:
        """All places that are reached without a byte, of those that read one or end the text."""
        machine, seen, waiting = self.machine, set(raw), list(raw)
        while waiting:
            node, back = waiting.pop()
            found: list[Place] = [(after, back) for after in machine.free[node]]
            if node in machine.ends and back is not None:
                found.append((back.node, back.back))
            for name, after in machine.calls[node]:
                found.append((machine.first[name], self._back(after, back)))
            for place in found:
                if place not in seen and not math.isinf(self._least(place)):
                    seen.add(place)
                    waiting.append(place)
        kept = {place for place in seen if machine.steps[place[0]]}
        over = any(node in machine.ends and back is None for node, back in seen)
        return frozenset(kept | {self._end} if over else kept)

    def _back(self, after: int, back: Back | None) -> Back | None:
        """Where to come back to; where that is only the end of a rule, what comes after that."""
        if after in self.machine.ends:
            return back
        if (after, back) not in self._backs:
            over = self.machine.over[after] + (0.0 if back is None else back.over)
            self._backs[after, back] = Back(after, back, over)
        return self._backs[after, back]
