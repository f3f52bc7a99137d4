"""A network as a list of operations with rules, in double precision.

`torch.export` writes down which operations a model does in evaluation mode; each is looked up by
its name. Parameters and what is made of them alone are numbers; what depends on the input is a
node. The model itself is not changed, and its weights are copied.
"""

import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.rnn.scanned import of_one_length
from cartograd.core.errors import UsageError, first_line
from cartograd.core.eval_mode import evaluating
from cartograd.engine.files.program import check_code
from cartograd.frontier.inputs import check_one_input
from cartograd.frontier.verification.call import BATCH
from cartograd.frontier.verification.graph import Node, Reader, shape_of
from cartograd.frontier.verification.operations import ruled
from cartograd.frontier.verification.rules import Affine, Box

MARGIN = 8
"""How much more rounding than double's is assumed of a model in double, which these sums share."""


@dataclass(frozen=True)
class Network:
    """The operations of a model, in an order in which they can be done; the last is the answer.

    Attributes:
        nodes: the first is the input.
        unit: the relative error of one rounding, in the precision that the model computes in; 0
            where roundings do not count.
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
        if not rule.terms or not self.unit:
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
    double = _precision(model, x) == torch.float64
    program = written(model, x)
    with torch.inference_mode(False), torch.no_grad():
        nodes = Reader(program).nodes()
    return Network(tuple(nodes), MARGIN * 2.0**-53 if double else 2.0**-24)


def learning(program: Any, model: nn.Module, /) -> Network:
    """The network of a model with its weights as they are now, whose bounds have gradients.

    Args:
        program: what was written down of the model; the weights may have moved since.
        model: of it the weights are taken.

    Raises:
        UsageError: it has operations without a rule, all of which are named.
    """
    weights = {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }
    return Network(tuple(Reader(program, weights=weights).nodes()), 0.0)


def written(model: nn.Module, x: Float[Tensor, "b ..."], /) -> Any:
    """A model as a graph of operations, as it works in evaluation.

    Where it changes things in place, or does what has no rule as a whole, these are smaller
    operations that change nothing.

    Raises:
        UsageError: it takes several inputs, cannot be exported, or does not answer with a row of
            numbers for each example.
    """
    check_one_input(model)
    check_code(model, "its operations")
    if not x.is_floating_point():
        raise UsageError(
            f"the inputs are {x.dtype}, and bounds are of real numbers; what comes before the "
            "model's embedding cannot move by a little"
        )
    try:
        with (
            torch.inference_mode(False), torch.no_grad(), evaluating(model), of_one_length(),
            warnings.catch_warnings(),
            redirect_stdout(StringIO()), redirect_stderr(StringIO()),  # torch prints whole graphs
        ):  # fmt: skip
            warnings.simplefilter("ignore", FutureWarning)  # torch's own, of its trees
            warnings.filterwarnings("ignore", "The tensor attributes")  # and of its LSTM
            sample = x.new_zeros(BATCH, *x.shape[1:])
            program = torch.export.export(model, (sample,), strict=False)
            shape = answer_shape(program)
            reader = Reader(program, weights={})
            if reader.refused or reader.in_place:
                table = torch.export.default_decompositions()
                for known in ruled():
                    table.pop(known, None)
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
    return program


def answer_shape(program: Any, /) -> tuple[int, ...]:
    """The shape of the first answer."""
    last = next(node for node in program.graph.nodes if node.op == "output")
    return shape_of(last.args[0][0])


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
