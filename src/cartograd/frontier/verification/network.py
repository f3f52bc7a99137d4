"""A network as a list of operations with rules, in double precision.

`torch.export` writes down which operations a model does in evaluation mode; each is looked up by
its name. Parameters and what is made of them alone are numbers; what depends on the input is a
node. The model itself is not changed, and its weights are copied.
"""

import operator
import re
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.errors import UsageError, first_line
from cartograd.core.eval_mode import evaluating
from cartograd.frontier.inputs import check_one_input
from cartograd.frontier.verification.call import BATCH, HOLE, Call, NoRuleError
from cartograd.frontier.verification.operations import names, rule_of
from cartograd.frontier.verification.rules import Affine, Box, Rule

MARGIN = 8
"""How much more rounding than double's is assumed of a model in double, which these sums share."""


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


@dataclass(frozen=True)
class Network:
    """The operations of a model, in an order in which they can be done; the last is the answer.

    Attributes:
        nodes: the first is the input.
        unit: the relative error of one rounding, in the precision that the model computes in.
    """

    nodes: tuple[Node, ...]
    unit: float

    def values(self, x: Float[Tensor, "b ..."], /) -> list[Float[Tensor, "b ..."]]:
        """What each node gives."""
        found = [x]
        for node in self.nodes[1:]:
            assert node.rule is not None
            found.append(node.rule.value(*(found[i] for i in node.inputs)))
        return found

    def __call__(self, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b k"]:
        """The answers."""
        return self.values(x)[-1]

    def slack(self, node: Node, boxes: list[Box], /) -> Tensor | None:
        """By how much roundings may move the results of an operation.

        A sum of n products is off by at most n u / (1 - n u) of the sum of their absolute values,
        in whatever order it is done. None where nothing is rounded.
        """
        rule = node.rule
        assert rule is not None
        if not rule.terms:
            return None
        relative = rule.terms * self.unit
        if relative >= 1:
            raise UsageError(
                f"{node.layer} sums {rule.terms} numbers, more than roundings of its precision "
                "can be bounded for; compute in double precision"
            )
        return relative / (1 - relative) * rule.size(*(boxes[i] for i in node.inputs))

    def curved(self) -> tuple[int, ...]:
        """Numbers of the nodes that are not affine."""
        return tuple(
            i for i, node in enumerate(self.nodes[1:], 1) if not isinstance(node.rule, Affine)
        )


def read(model: nn.Module, x: Float[Tensor, "b ..."], /) -> Network:
    """The network of a model.

    Args:
        model: in evaluation mode or not; it is left as it is.
        x: inputs, of which the shape and the type count.

    Raises:
        UsageError: it takes several inputs, cannot be exported, does not answer with a row of
            numbers for each example, or has operations without a rule, all of which are named.
    """
    check_one_input(model)
    if not x.is_floating_point():
        raise UsageError(
            f"the inputs are {x.dtype}, and bounds are of real numbers; what comes before the "
            "model's embedding cannot move by a little"
        )
    double = _precision(model, x) == torch.float64
    with (
        torch.inference_mode(False), torch.no_grad(), evaluating(model), warnings.catch_warnings(),
    ):  # fmt: skip
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, of its trees
        nodes = _nodes(model, x.new_zeros(BATCH, *x.shape[1:]))
    return Network(tuple(nodes), MARGIN * 2.0**-53 if double else 2.0**-24)


def _nodes(model: nn.Module, sample: Tensor) -> list[Node]:
    """The nodes of a model's graph.

    Where it changes things in place, or does what has no rule as a whole, they are those of a graph
    of smaller operations that changes nothing.
    """
    try:
        program = torch.export.export(model, (sample,), strict=False)
        shape = _answer(program)
        if len(shape) == 2 and shape[0] == BATCH:
            reader = _Reader(program)
            if not reader.refused and not reader.in_place:
                return reader.nodes()
            table = torch.export.default_decompositions()
            table.pop(torch.ops.aten.linear.default)
            program = program.run_decompositions(table)
    except Exception as error:  # whatever a foreign module raises
        raise UsageError(
            f"the model cannot be written down as a graph of operations, which bounds need: "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error
    if len(shape) != 2 or shape[0] != BATCH:
        raise UsageError(
            f"the model answers {BATCH} examples with {shape}; expected a row of numbers for each"
        )
    return _Reader(program).nodes()


def _answer(program: Any) -> tuple[int, ...]:
    """The shape of the first answer."""
    last = next(node for node in program.graph.nodes if node.op == "output")
    return _shape(last.args[0][0])


def _precision(model: nn.Module, x: Tensor) -> torch.dtype:
    """The type of number that the model computes in.

    Raises:
        UsageError: it is half a float, of which no bounds are known.
    """
    kinds = {p.dtype for p in model.parameters() if p.is_floating_point()} or {x.dtype}
    if not kinds <= {torch.float32, torch.float64}:
        raise UsageError(
            f"the model has weights of {', '.join(sorted(map(str, kinds)))}; bounds are of float32 "
            "and float64: model.float()"
        )
    return torch.float64 if kinds == {torch.float64} else torch.float32


class _Reader:
    """Goes through a graph once; numbers that do not depend on the input are computed."""

    def __init__(self, program: Any, /):
        signature = program.graph_signature
        held = {**program.state_dict, **program.constants}
        named = {**signature.inputs_to_parameters, **signature.inputs_to_buffers,
                 **signature.inputs_to_lifted_tensor_constants}  # fmt: skip
        self._constants = {
            key: _double(held[name].detach()) for key, name in named.items() if name in held
        }
        self._known: dict[str, Any] = {}
        self._places: dict[str, int] = {}
        self._nodes = [Node(None)]
        self._answer: int | None = None
        self.refused: dict[str, list[str]] = {}
        self.in_place = False
        for node in program.graph.nodes:
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

    def _place(self, one: Any) -> int | None:
        return self._places.get(one.name) if isinstance(one, torch.fx.Node) else None

    def _add(self, node: torch.fx.Node) -> None:
        varied = [one for one in node.all_input_nodes if self._place(one) is not None]
        if node.target is operator.getitem and varied:
            if node.args[1] == 0:
                self._places[node.name] = self._places[varied[0].name]
            elif node.users:
                self._refuse(node, "several results")
            return
        inputs: list[int] = []
        shapes: list[tuple[int, ...]] = []

        def known(one: torch.fx.Node) -> Any:
            place = self._place(one)
            if place is None:
                return self._known[one.name]
            inputs.append(place)
            shapes.append(_shape(one))
            return HOLE

        args = torch.fx.map_arg(node.args, known)
        kwargs = torch.fx.map_arg(node.kwargs, known)
        target: Any = node.target
        if not varied:
            self.in_place |= str(target).partition(".")[2].partition(".")[0].endswith("_")
            self._known[node.name] = _double(target(*args, **kwargs))
            return
        name = str(target).removeprefix("aten.")
        self.in_place |= name.partition(".")[0].endswith("_")
        self._places[node.name] = len(self._nodes)
        try:
            call = Call(target, tuple(args), dict(kwargs), tuple(shapes), _shape(node))
            self._nodes.append(Node(rule_of(name, call), tuple(inputs), _layer(node)))
        except NoRuleError:
            self._refuse(node, name.partition(".")[0].strip("_"))
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


def _grouped(layers: list[str]) -> str:
    """Layers by their names, those that differ by a number together: `blocks.*.norm x 12`."""
    groups: dict[str, list[str]] = {}
    for layer in layers:
        groups.setdefault(re.sub(r"\b\d+\b", "*", layer), []).append(layer)
    return ", ".join(
        own[0] if len(own) == 1 else f"{group} x {len(own)}" for group, own in groups.items()
    )


def _shape(node: torch.fx.Node) -> tuple[int, ...]:
    value = node.meta["val"]
    return tuple((value[0] if isinstance(value, tuple | list) else value).shape)


def _double(value: Any) -> Any:
    """Real numbers in double precision; all else as it is."""
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


def _layer(node: torch.fx.Node) -> str:
    """The layer that an operation is of, as `named_modules` calls it."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return stack[-1][0] or "the model itself" if stack else "the model itself"
