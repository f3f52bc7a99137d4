"""The dependency graph of a network: which channels of which weights can go together.

`torch.export` writes down what the network does with an example, and the units of its weights are
followed through it (`flow_rules`). Nothing is read from gradients, and nothing from the code: what
a module of anybody does to shapes is seen where it happens.

References:
    Gongfan Fang, Xinyin Ma, Mingli Song, Michael Bi Mi, Xinchao Wang. DepGraph: towards any
    structural pruning. CVPR 2023. https://arxiv.org/abs/2301.12900 (the same groups, from the
    graph of gradients)
"""

import copy
import operator
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx.node import map_arg

from cartograd.architectures.rnn.scanned import of_one_length
from cartograd.core.errors import UsageError, first_line
from cartograd.core.eval_mode import evaluating
from cartograd.practice.compression.flow import Flow, spread
from cartograd.practice.compression.flow_call import Call
from cartograd.practice.compression.flow_rules import rule_of
from cartograd.practice.compression.flow_views import unknown
from cartograd.practice.compression.units import Units, along
from cartograd.practice.compression.widths import Dependencies, add_widths


def dependencies(model: nn.Module, examples: Sequence[Tensor], /) -> Dependencies:
    """Read which channels of a model can go together.

    Where parts of a model work in training alone (auxiliary heads), its graph in training mode is
    read as well.

    Args:
        model: anybody's; it stays as it is.
        examples: what it is called with, two examples each.

    Raises:
        UsageError: the model cannot be written down as a graph.
    """
    reading = Reading(model)
    reading.follow(exported(model, examples))
    if reading.unread:
        reading.follow(exported(copy.deepcopy(model).train(), examples, evaluates=False))
    return reading.found()


def _weights(model: nn.Module, units: Units) -> dict[str, tuple[Flow, list[str]]]:
    """A flow for each tensor of the state, and its names."""
    found: dict[int, tuple[str, Flow, list[str]]] = {}
    state = [
        *model.named_parameters(remove_duplicate=False),
        *((name, one) for name, one in model.named_buffers(remove_duplicate=False)
          if name.endswith(("running_mean", "running_var"))),
    ]  # fmt: skip
    for name, tensor in state:
        if id(tensor) in found:
            found[id(tensor)][2].append(name)
            continue
        shape = tuple(tensor.shape)
        own = tuple(
            along(units.fresh(size), dim, shape) for dim, size in enumerate(shape) if size > 1
        )
        found[id(tensor)] = name, Flow(shape, own, weight=True), [name]
    return {name: (flow, names) for name, flow, names in found.values()}


def exported(model: nn.Module, examples: Sequence[Tensor], /, *, evaluates: bool = True) -> Any:
    """What a model does with some examples, as a graph.

    Args:
        model: anybody's.
        examples: what it is called with.
        evaluates: whether in evaluation mode, or as it is.

    Raises:
        UsageError: it cannot be written down.
    """
    try:
        with (
            torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings(),
            of_one_length(), redirect_stdout(StringIO()), redirect_stderr(StringIO()),
            evaluating(*([model] if evaluates else [])), torch.random.fork_rng(devices=[]),
        ):  # fmt: skip
            warnings.simplefilter("ignore")
            return torch.export.export(model, tuple(examples), strict=False)
    except Exception as error:  # whatever a foreign module raises
        raise UsageError(
            "the model cannot be written down as a graph of operations, from which it is read "
            f"what can be pruned together: {type(error).__name__}: {first_line(error)}"
        ) from error


class Reading:
    """What is known of a model's units after some graphs of it.

    Args:
        model: anybody's.
    """

    def __init__(self, model: nn.Module):
        self.units = Units()
        self._weights = _weights(model, self.units)
        self._by_name = {name: flow for flow, names in self._weights.values() for name in names}
        self._learned = {name for name, _ in model.named_parameters()}
        self._widths: list[tuple[str, Tensor]] = []
        self._seen: list[tuple[str, Tensor]] = []
        self._bare: list[tuple[str, Tensor]] = []
        self._heads: list[Tensor] = []
        self._read: set[str] = set()

    @property
    def unread(self) -> bool:
        """Whether some weight was seen in no graph yet."""
        return not self._learned <= self._read

    def follow(self, program: Any, /) -> None:
        """Follow the units of the weights through a graph."""
        signature = program.graph_signature
        names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        flows: dict[Any, Any] = {}
        for node in program.graph.nodes:
            shape = _shape(node)
            if node.op == "placeholder":
                name = str(names.get(node.name))
                flows[node] = self._by_name.get(name, _constant(shape))
                self._read |= {name} if node.users else set()
            elif node.op == "output":
                self._answer(map_arg(node.args, lambda one: flows[one]))
            elif node.op == "call_function":
                args, kwargs = (map_arg(x, flows.__getitem__) for x in (node.args, node.kwargs))
                flows[node] = self._called(node, args, kwargs, shape)
                self._note(node, flows[node])
            else:
                flows[node] = None

    def _called(self, node: Any, args: Any, kwargs: Any, shape: Any) -> Any:
        """What one operation does."""
        target, place = node.target, _place(node)
        if target is operator.getitem and isinstance(args[0], list | tuple):
            return args[0][args[1]] if args[1] < len(args[0]) else None
        if not isinstance(target, torch._ops.OpOverload):
            return unknown(Call(self.units, target, args, kwargs, shape, str(target), place))
        name = target._schema.name.split("::")[-1].rstrip("_")
        call = Call(self.units, target, args, kwargs, shape, name, place)
        if shape is None:
            return unknown(call) if not name.startswith(("_assert", "sym_")) else None
        result = rule_of(call)(call)
        self._widths += [(place or str(node.name), one) for one in call.widths]
        self._bare += [(place, one) for one in call.bare]
        self._heads += call.heads
        return result

    def _answer(self, values: Any) -> None:
        """The model's answers keep their sizes."""
        if isinstance(values, Flow):
            for one in values.units:
                self.units.stay(one, "the model's answer")
        elif isinstance(values, list | tuple):
            for value in values:
                self._answer(value)

    def _note(self, node: Any, value: Any) -> None:
        """Keep what may be cut into a shape that is no whole slice, or by a number in the code."""
        views = str(node.target).startswith(("aten.view", "aten.reshape", "aten.unflatten"))
        for flow in value if isinstance(value, list | tuple) else [value]:
            for one in flow.units if isinstance(flow, Flow) and not flow.weight else ():
                if len(spread(one)) > 1 or views:
                    self._seen.append((_place(node), one))

    def found(self) -> Dependencies:
        """The groups, once everything that is cut is a whole slice of every tensor."""
        self._square()
        roots = self.units.roots()
        fixed: dict[int, str] = {}
        for unit, why in self.units.fixed.items():
            fixed.setdefault(int(roots[unit]), why)
        table = {
            name: {dim: _line(one, dim) for one in flow.units for dim in spread(one)}
            for name, (flow, _) in self._weights.items()
        }
        names = {name: names for name, (_, names) in self._weights.items()}
        made = Dependencies(table, names, roots=roots, bare=self._bare)
        heads = {int(unit) for one in self._heads for unit in roots[one].unique()}
        add_widths(made, self._widths, fixed, heads)
        for place, one in self._seen:
            made.counts += [(place, _line(one, dim)) for dim in self.units.varies(one)]
        return made

    def _square(self) -> None:
        """Join units until what goes is a slice along one dimension, wherever it is seen."""
        before = None
        while before is None or not torch.equal(before, self.units.roots()):
            before = self.units.roots()
            for place, one in self._seen:
                dims = sorted(self.units.varies(one), key=lambda dim: one.shape[dim])
                self.units.even(one, dims[:-1], f"a view of {place}")


def _line(units: Tensor, dim: int) -> Tensor:
    """The units along a dimension."""
    return units.movedim(dim, 0).reshape(units.shape[dim], -1)[:, 0]


def _place(node: Any) -> str:
    """The module whose code does it."""
    stack = node.meta.get("nn_module_stack") or {}
    path = [str(value[0]) for value in stack.values()]
    return path[-1].replace("L['self'].", "") if path else ""


def _shape(node: Any) -> Any:
    """The shape of a result, a list of several, or None of what is no tensor."""

    def one(value: Any) -> Any:
        if isinstance(value, Tensor):
            return tuple(int(size) for size in value.shape)
        if isinstance(value, list | tuple):
            return [one(item) for item in value]
        return None

    return one(node.meta.get("val"))


def _constant(shape: Any) -> Flow | None:
    return Flow(shape) if isinstance(shape, tuple) else None
