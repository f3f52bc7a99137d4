"""The hook's quicker decorator decides as jaxtyping's own: what is wrong is found in both ways."""

from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import jaxtyping
import pytest
import torch
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import Float, Int
from torch import Tensor

from tests.shapes import by_letters, checked, names_shapes

WRONG = jaxtyping.TypeCheckError, BeartypeCallHintViolation

typed = checked(typechecker=beartype(conf=BeartypeConf(is_pep484_tower=True)))


def test_the_hook_asks_for_it():
    assert jaxtyping.jaxtyped is checked


@pytest.mark.parametrize(
    "annotation",
    [
        Float[Tensor, " a"],
        Float[Tensor, " a"] | None,
        tuple[int, Int[Tensor, "a b"]],
        dict[str, list[Float[Tensor, "..."]]],
        Callable[[Float[Tensor, " a"]], int],
        Callable[..., Float[Tensor, " a"]],
        Iterator[tuple[Float[Tensor, " a"], int]],
        "Float[Tensor, 'a']",
    ],
)
def test_shapes_are_seen_wherever_they_are(annotation):
    assert names_shapes(annotation)


@pytest.mark.parametrize(
    "annotation",
    [
        int,
        Tensor,
        Tensor | None,
        tuple[Tensor, ...],
        Callable[[int], str],
        Callable[..., Any],
        None,
    ],
)
def test_what_names_none(annotation):
    assert not names_shapes(annotation)


def test_a_size_told_by_the_value_of_an_argument_is_left_to_jaxtyping():
    assert by_letters(tuple[Float[Tensor, "a a-1 ..."], int])
    assert not by_letters(list[Float[Tensor, "{n}"]])  # noqa: F821

    @typed
    def ones(n: int, most: int) -> Float[Tensor, "{n}"]:  # noqa: F821
        return torch.ones(min(n, most))

    assert len(ones(2, 3)) == 2
    with pytest.raises(WRONG):
        ones(3, 2)


@typed
def scaled(
    x: Float[Tensor, "a b"], by: Float[Tensor, " b"], flat: bool = False
) -> Float[Tensor, "a b"]:
    return (x * by).flatten() if flat else x * by


@typed
def counted(words: list[str], most: int = 3) -> int:
    return None if most == 0 else len(words)  # type: ignore[return-value]


class Pair:
    @typed
    def __init__(self, one: int, other: str = "") -> None:
        self.one, self.other = one, other

    @property
    @typed
    def both(self) -> tuple[int, str]:
        return self.one, self.other

    @classmethod
    @typed
    def of(cls, one: int) -> "Pair":
        return cls(one)


def test_what_is_right_passes():
    assert scaled(torch.ones(2, 3), torch.ones(3)).shape == (2, 3)
    assert counted(["a"]) == 1
    assert Pair.of(3).both == (3, "")
    assert isinstance(counted, FunctionType)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: scaled(torch.ones(2, 3), torch.ones(2)),
        lambda: scaled(torch.ones(2, 3), torch.ones(3), flat=True),
        lambda: scaled(torch.ones(2, 3, dtype=torch.int64), torch.ones(3)),
        lambda: counted("word"),
        lambda: counted(["a"], "3"),
        lambda: counted(["a"], 0),
        lambda: Pair("1"),
        lambda: Pair(1, ("2",)).both,
        lambda: Pair.of(1.5),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(wrong):
    with pytest.raises(WRONG):
        wrong()


def test_letters_hold_within_a_call_with_calls_of_both_kinds_inside():
    @typed
    def inner(n: int) -> Float[Tensor, " a"]:
        return torch.ones(n)

    @typed
    def between(n: int) -> Tensor:
        return inner(n)

    @typed
    def outer(x: Float[Tensor, " a"], n: int) -> Float[Tensor, " a"]:
        return between(n)

    assert len(outer(torch.ones(2), 2)) == 2
    with pytest.raises(jaxtyping.TypeCheckError, match="a=2"):
        outer(torch.ones(2), 3)


def test_a_missing_argument_is_told_before_a_wrong_one():
    with pytest.raises(TypeError, match="missing a required argument: 'by'"):
        scaled(torch.ones(2))  # type: ignore[call-arg]


def test_what_is_found_further_inside_comes_through_as_it_is():
    @typed
    def outer(x: Float[Tensor, " a"]) -> int:
        return counted(x, 0)  # type: ignore[arg-type]

    with pytest.raises(BeartypeCallHintViolation, match="counted"):
        outer(torch.ones(2))
