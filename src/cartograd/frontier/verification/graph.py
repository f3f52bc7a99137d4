"""An exported graph, read operation by operation: each depends on the input, or is a number."""

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.frontier.verification.call import HOLE, Call, NoRuleError
from cartograd.frontier.verification.moved import SEVERAL, part
from cartograd.frontier.verification.operations import RULES, names, rule_of
from cartograd.frontier.verification.rules import Rule
from cartograd.frontier.verification.spelled import may_be
from cartograd.frontier.verification.spelled import rule as of_curve
from cartograd.frontier.verification.whole import Parts


@dataclass(frozen=True)
class Node:
    """An operation on what other nodes gave.

    Attributes:
        rule: of the operation; none of the input.
        inputs: numbers of the nodes.
        layer: the name of the layer that it is of.
    """

    rule: Rule | None
    inputs: tuple[int, ...] = ()
    layer: str = ""


class Reader:
    """Goes through a graph once; numbers that do not depend on the input are computed.

    Args:
        program: the exported model.
        weights: of the model as they are now, for one that learns; by default those that it was
            exported with, in double precision.
    """

    def __init__(self, program: Any, /, *, weights: Mapping[str, Tensor] | None = None):
        signature = program.graph_signature
        held = {**program.state_dict, **program.constants, **(weights or {})}
        self._read = _double if weights is None else _same
        named = {**signature.inputs_to_parameters, **signature.inputs_to_buffers,
                 **signature.inputs_to_lifted_tensor_constants}  # fmt: skip
        self._constants = {
            key: self._read(held[name]) for key, name in named.items() if name in held
        }
        self._known: dict[str, Any] = {}
        self._places: dict[str, int] = {}
        self._nodes = [Node(None)]
        self._answer: int | None = None
        self.refused: dict[str, list[str]] = {}
        self._several: dict[str, tuple[Call, int]] = {}
        self._parted: dict[str, torch.fx.Node] = {}  # parts of curves, which have no place yet
        self.in_place = False
        for node in program.graph.nodes:
            self.in_place |= node.op == "call_function" and _changes(node)
            if node.op == "placeholder":
                if node.name in self._constants:
                    self._known[node.name] = self._constants[node.name]
                else:
                    self._places[node.name] = 0
            elif node.op == "call_function" and node.users:  # the rest only asserts
                self._add(node)
            elif node.op == "output":
                self._answer = self._place(node.args[0][0])

    def nodes(self) -> list[Node]:
        """The nodes up to the answer.

        Raises:
            UsageError: operations have no rule; which, and in which layers.
        """
        if self.refused:
            raise UsageError(self._complaint())
        if self._answer is None:
            raise UsageError("the answer does not depend on the input; there is nothing to bound")
        return self._nodes[: self._answer + 1]

    def _varies(self, one: torch.fx.Node) -> bool:
        """Whether a result depends on the input."""
        return any(one.name in names for names in (self._several, self._places, self._parted))

    def _place(self, one: Any) -> int | None:
        if not isinstance(one, torch.fx.Node):
            return None
        if one.name in self._several:
            return self._several[one.name][1]
        if one.name in self._parted:
            self._whole(self._parted.pop(one.name))
        return self._places.get(one.name)

    def _add(self, node: torch.fx.Node) -> None:
        varied = [one for one in node.all_input_nodes if self._varies(one)]
        if node.target is operator.getitem and varied:
            self._part(node, varied[0].name)
        elif not varied:
            call = self._call(node, [])
            self._known[node.name] = self._read(call.op(*call.args, **call.kwargs))
        elif may_be(node) and (
            str(node.target).removeprefix("aten.") not in RULES
            or any(one.name in self._parted for one in varied)
        ):
            self._parted[node.name] = node
        else:
            self._ruled(node)

    def _call(self, node: torch.fx.Node, inputs: list[int]) -> Call:
        """An operation with holes for what depends on the input, the places of which are noted."""
        shapes: list[tuple[int, ...]] = []

        def known(one: torch.fx.Node) -> Any:
            place = self._place(one)
            if place is None:
                return self._known[one.name]
            inputs.append(place)
            shapes.append(shape_of(one))
            return HOLE

        args: Any = torch.fx.map_arg(node.args, known)
        kwargs: Any = torch.fx.map_arg(node.kwargs, known)
        target: Any = node.target
        return Call(target, tuple(args), dict(kwargs), tuple(shapes), shape_of(node), type_of(node))

    def _ruled(self, node: torch.fx.Node) -> None:
        """An operation that has a rule, or is refused."""
        inputs: list[int] = []
        call = self._call(node, inputs)
        name = str(node.target).removeprefix("aten.")
        if name in SEVERAL:
            self._places[node.name] = len(self._nodes)
            self._several[node.name] = call, inputs[0]
            return
        try:
            self._nodes += self._parts(rule_of(name, call), inputs, _layer(node))
        except NoRuleError:
            self._refuse(node, name.partition(".")[0].strip("_"))
            self._nodes.append(Node(None))
        self._places[node.name] = len(self._nodes) - 1

    def _whole(self, node: torch.fx.Node) -> None:
        """The last operation of a curve, or of what is none after all."""
        try:
            rule, begin = of_curve(node, self._places, self._known)
        except NoRuleError:
            self._ruled(node)
            return
        self._places[node.name] = len(self._nodes)
        self._nodes.append(Node(rule, (self._places[begin],), _layer(node)))

    def _parts(self, parts: Parts, inputs: list[int], layer: str) -> list[Node]:
        """Nodes of an operation, the last of which is its result."""
        places = [*inputs, *range(len(self._nodes), len(self._nodes) + len(parts))]
        return [Node(rule, tuple(places[i] for i in read), layer) for rule, read in parts]

    def _part(self, node: torch.fx.Node, whole: str) -> None:
        """One of several results: of a normalisation or a pool only the first is known."""
        number: Any = node.args[1]
        if whole not in self._several:
            self._places[node.name] = self._places[whole]
            if number and node.users:
                self._refuse(node, "several results")
            return
        call, place = self._several[whole]
        self._places[node.name] = len(self._nodes)
        try:
            self._nodes.append(Node(part(call, number), (place,), _layer(node)))
        except NoRuleError:
            self._refuse(node, str(call.op).split(".")[1])
            self._nodes.append(Node(None))

    def _refuse(self, node: torch.fx.Node, name: str) -> None:
        layers = self.refused.setdefault(name, [])
        layer = _layer(node)
        if layer not in layers:
            layers.append(layer)

    def _complaint(self) -> str:
        told = "; ".join(
            f"{name} ({_grouped(layers)})" for name, layers in sorted(self.refused.items())
        )
        return (
            f"no bounds are known of these operations: {told}; those with rules, each example "
            f"apart, are {', '.join(names())}"
        )


def _changes(node: torch.fx.Node) -> bool:
    """Whether an operation changes what it is given."""
    return str(node.target).removeprefix("aten.").partition(".")[0].endswith("_")


def _grouped(layers: list[str]) -> str:
    """Layers by their names, those that differ by a number together: `blocks.*.norm x 12`."""
    groups: dict[str, list[str]] = {}
    for layer in layers:
        groups.setdefault(re.sub(r"\b\d+\b", "*", layer), []).append(layer)
    return ", ".join(
        own[0] if len(own) == 1 else f"{group} x {len(own)}" for group, own in groups.items()
    )


def shape_of(node: torch.fx.Node, /) -> tuple[int, ...]:
    """The shape of a result, or of the first of several."""
    value = node.meta["val"]
    return tuple((value[0] if isinstance(value, tuple | list) else value).shape)


def type_of(node: torch.fx.Node, /) -> torch.dtype:
    """The type of a result, or of the first of several."""
    value = node.meta["val"]
    return (value[0] if isinstance(value, tuple | list) else value).dtype


def _double(value: Any) -> Any:
    """Real numbers in double precision, apart from the model; all else as it is."""
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return value
    return value.detach().double()


def _same(value: Any) -> Any:
    """As it is, with its gradient."""
    return value


def _layer(node: torch.fx.Node) -> str:
    """The layer that an operation is of, as `named_modules` calls it."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return stack[-1][0] or "the model itself" if stack else "the model itself"
