"""The rules of a grammar as a machine: nodes, edges of bytes, and calls of other rules.

It is a recursive transition network: where a rule mentions another, the machine walks that rule's
nodes and comes back. Each node knows the fewest bytes from which on its rule can be over.

References:
    William Woods. Transition network grammars for natural language analysis. CACM, 1970.
    https://dl.acm.org/doi/10.1145/355598.362773

>>> from cartograd.architectures.decoding.grammar.expressions import literal, optional, sequence
>>> machine = Machine({"root": sequence(literal("é"), optional(literal("!")))}, "root")
>>> machine.shortest
2
"""

import math
from collections import deque
from collections.abc import Collection, Mapping
from itertools import pairwise

from cartograd.architectures.decoding.grammar.byte_ranges import byte_ranges
from cartograd.architectures.decoding.grammar.expressions import (
    Chars,
    Choice,
    Expression,
    Repeat,
    Sequence,
)
from cartograd.core.errors import UsageError, unknown

ROOM = 100_000
"""Most nodes of a machine."""


class Machine:
    """The rules of a grammar as nodes and edges.

    Args:
        rules: by their names.
        start: the rule that a whole text follows.
        spelled: the bytes that can be written one at a time; all if not given.

    Attributes:
        steps: of each node, edges `(first byte, last byte, node)`.
        free: of each node, the nodes that are reached without a byte.
        calls: of each node, the rules that may begin there, and where to go on after each.
        first, last: the nodes where each rule begins and ends; nothing leaves those of `ends`.
        over: of each node, the fewest bytes to the end of its rule; infinite if there is no way.

    Raises:
        UsageError: a rule is not there, begins with itself, is too large, or no text follows them.
    """

    def __init__(
        self,
        rules: Mapping[str, Expression],
        start: str,
        /,
        *,
        spelled: Collection[int] = range(256),
    ) -> None:
        self.steps: list[list[tuple[int, int, int]]] = []
        self.free: list[list[int]] = []
        self.calls: list[list[tuple[str, int]]] = []
        self.start = start
        self.first = {name: self._node() for name in rules}
        self.last = {name: self._node() for name in rules}
        self.ends = frozenset(self.last.values())
        for name, expression in rules.items():
            self._lay(expression, self.first[name], self.last[name])
        self._check_left(rules)
        self.over = self._distances(frozenset(spelled))
        if math.isinf(self.shortest):
            raise UsageError(
                "no text of finite length fits: something in it is required and cannot be"
            )

    @property
    def shortest(self) -> float:
        """The fewest bytes of a text."""
        return self.over[self.first[self.start]]

    def _node(self) -> int:
        if len(self.steps) == ROOM:
            raise UsageError(
                f"this needs more than {ROOM:,} nodes; give smaller limits of length and number"
            )
        self.steps.append([])
        self.free.append([])
        self.calls.append([])
        return len(self.steps) - 1

    def _lay(self, part: Expression, here: int, there: int) -> None:
        """Ways from one node to another on which exactly the texts of an expression are read."""
        if isinstance(part, Chars):
            self._chars(part, here, there)
        elif isinstance(part, Sequence):
            self._sequence(part, here, there)
        elif isinstance(part, Choice):
            for one in part.parts:
                begin = self._node()
                self.free[here].append(begin)
                self._lay(one, begin, there)
        elif isinstance(part, Repeat):
            self._repeat(part, here, there)
        else:
            if part.name not in self.first:
                raise unknown("rule", part.name, list(self.first))
            self.calls[here].append((part.name, there))

    def _chars(self, part: Chars, here: int, there: int) -> None:
        for low, high in part.ranges:
            for ranges in byte_ranges(low, high):
                nodes = [here, *(self._node() for _ in ranges[1:]), there]
                for (first, last), (a, b) in zip(ranges, pairwise(nodes), strict=True):
                    self.steps[a].append((first, last, b))

    def _sequence(self, part: Sequence, here: int, there: int) -> None:
        if not part.parts:
            self.free[here].append(there)
            return
        nodes = [here, *(self._node() for _ in part.parts[1:]), there]
        for one, (a, b) in zip(part.parts, pairwise(nodes), strict=True):
            self._lay(one, a, b)

    def _repeat(self, part: Repeat, here: int, there: int) -> None:
        for _ in range(part.least):
            after = self._node()
            self._lay(part.part, here, after)
            here = after
        if part.most is None:
            begin, end = self._node(), self._node()
            self.free[here].append(begin)
            self._lay(part.part, begin, end)
            self.free[end].append(begin)
            self.free[begin].append(there)
            return
        for _ in range(part.most - part.least):
            self.free[here].append(there)
            begin, after = self._node(), self._node()
            self.free[here].append(begin)
            self._lay(part.part, begin, after)
            here = after
        self.free[here].append(there)

    def _check_left(self, rules: Mapping[str, Expression]) -> None:
        """Refuse rules that come back to themselves before a byte is read."""
        empty = self._empty(rules)
        begun = {name: self._begun(self.first[name], empty) for name in rules}
        for name in rules:
            seen, waiting = set[str](), list(begun[name])
            while waiting:
                other = waiting.pop()
                if other == name:
                    raise UsageError(
                        f"the rule {name!r} begins with itself; write what repeats with * or +"
                    )
                if other not in seen:
                    seen.add(other)
                    waiting += begun[other]

    def _empty(self, rules: Mapping[str, Expression]) -> set[str]:
        """The rules that an empty text follows."""
        empty = set[str]()
        while True:
            more = {
                name
                for name in rules
                if name not in empty and self.last[name] in self._reached(self.first[name], empty)
            }
            if not more:
                return empty
            empty |= more

    def _reached(self, node: int, empty: set[str]) -> set[int]:
        """The nodes that are reached without a byte."""
        seen, waiting = {node}, [node]
        while waiting:
            here = waiting.pop()
            after = self.free[here] + [n for name, n in self.calls[here] if name in empty]
            waiting += [n for n in after if n not in seen]
            seen.update(after)
        return seen

    def _begun(self, node: int, empty: set[str]) -> set[str]:
        """The rules that may begin before a byte is read."""
        return {name for here in self._reached(node, empty) for name, _ in self.calls[here]}

    def _distances(self, spelled: frozenset[int]) -> list[float]:
        """Of each node, the fewest bytes to the end of its rule."""
        before: list[list[int]] = [[] for _ in self.steps]
        callers: dict[int, list[int]] = {begin: [] for begin in self.first.values()}
        for node in range(len(self.steps)):
            for _, _, after in self.steps[node]:
                before[after].append(node)
            for after in self.free[node]:
                before[after].append(node)
            for name, after in self.calls[node]:
                before[after].append(node)
                callers[self.first[name]].append(node)
        over = [math.inf] * len(self.steps)
        for end in self.ends:
            over[end] = 0
        waiting = deque(node for end in self.ends for node in before[end])
        while waiting:
            node = waiting.popleft()
            best = min(self._ways(node, over, spelled), default=math.inf)
            if best < over[node] and node not in self.ends:
                over[node] = best
                waiting.extend(before[node])
                waiting.extend(callers.get(node, ()))
        return over

    def _ways(self, node: int, over: list[float], spelled: frozenset[int]) -> list[float]:
        steps = [
            1 + over[after]
            for first, last, after in self.steps[node]
            if len(spelled) == 256 or not spelled.isdisjoint(range(first, last + 1))
        ]
        free = [over[after] for after in self.free[node]]
        return steps + free + [over[self.first[name]] + over[n] for name, n in self.calls[node]]
