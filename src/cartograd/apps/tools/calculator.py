"""A calculator: arithmetic as one writes it, read as a tree and never run as code.

Known are numbers, `+ - * / // % **`, brackets, the constants pi and e, and a few functions. Powers
and factorials are bounded before they are computed, so that no expression keeps the machine busy.

>>> calculate("2 * (3 + 4) ** 2"), calculate("sqrt(2) * sqrt(2)"), calculate("10 / 4")
('98', '2.0000000000000004', '2.5')
"""

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from cartograd.apps.tools.tool import Tool
from cartograd.core.errors import UsageError, unknown

Number = int | float

LONGEST = 500
"""Most characters of an expression."""

BITS = 4_000
"""Most bits of a whole number on the way."""

BINARY: dict[type, Callable[[Number, Number], Number]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
UNARY: dict[type, Callable[[Number], Number]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": math.sqrt, "exp": math.exp, "log": math.log, "log2": math.log2, "log10": math.log10,
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "abs": abs, "round": round,
    "floor": math.floor, "ceil": math.ceil, "min": min, "max": max, "gcd": math.gcd,
    "factorial": math.factorial,
}  # fmt: skip
CONSTANTS = {"pi": math.pi, "e": math.e}

WRONG = (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError)
"""What reading and computing an expression raises."""

SPELLED = "|".join([r"[-+*/%(),. 0-9]", *FUNCTIONS, *CONSTANTS])
"""What an expression is made of."""


def calculate(expression: str) -> str:
    """The value of an arithmetic expression, such as (3 + 4) * 12.5.

    Args:
        expression: numbers, + - * / // % **, brackets, pi, e, sqrt, log, sin, min, max and the
            like.

    Raises:
        UsageError: it is no such expression, or too large.
    """
    if len(expression) > LONGEST:
        raise UsageError(f"the expression has {len(expression)} characters; at most {LONGEST}")
    text = expression.replace("×", "*").replace("÷", "/").replace("−", "-").replace("^", "**")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        value = _value(tree)
    except UsageError:
        raise
    except WRONG as error:
        raise UsageError(f"{expression!r} cannot be computed: {error}") from error
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _value(node: ast.AST) -> Number:
    if isinstance(node, ast.Constant) and not isinstance(node.value, bool):
        return _small(node.value)
    if isinstance(node, ast.Name) and node.id in CONSTANTS:
        return CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp) and type(node.op) in UNARY:
        return UNARY[type(node.op)](_value(node.operand))
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Pow):
            _check_power(left, right)
        return _small(BINARY[type(node.op)](left, right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _called(node.func.id, [_value(one) for one in node.args])
    raise UsageError(f"{ast.unparse(node)!r:.60} is no arithmetic that is known here")


def _called(name: str, given: list[Number]) -> Number:
    if name not in FUNCTIONS:
        raise unknown("function", name, FUNCTIONS)
    if name == "factorial" and given and given[0] > 400:
        raise UsageError("a factorial of more than 400 is too large")
    return _small(FUNCTIONS[name](*given))


def _small(value: Any) -> Number:
    if isinstance(value, complex) or not isinstance(value, int | float):
        raise UsageError("the value is no real number")
    if isinstance(value, int) and value.bit_length() > BITS:
        raise UsageError(f"a number has more than {BITS} bits")
    return value


def _check_power(left: Number, right: Number) -> None:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > BITS:
        raise UsageError(f"{left} ** {right} has more than {BITS} bits")


CALCULATOR = Tool(
    "calculator",
    "Computes arithmetic, such as (3 + 4) * 12.5; use it for every calculation.",
    {
        "type": "object",
        "properties": {
            "expression": {
                "type": "string",
                "pattern": r"^(?:[-+*/%(),. 0-9]|"
                + "|".join([*FUNCTIONS, *CONSTANTS])
                + "){1,80}$",
            }
        },
        "required": ["expression"],
    },
    calculate,
    example=("What is 12 times 30?", {"expression": "12 * 30"}, "360"),
)
