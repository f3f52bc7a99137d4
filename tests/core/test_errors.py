"""Errors name what was given, what was expected and the nearest match."""

import pytest

from cartograd.core.errors import UsageError, nearest, unknown


@pytest.mark.parametrize(
    ("word", "expected"),
    [("resnt", "resnet"), ("RESNET", "resnet"), ("lenet", "lenet5"), ("qqqqq", None), ("", None)],
)
def test_nearest(word, expected):
    assert nearest(word, ["resnet", "mlp", "lenet5"]) == expected


def test_nearest_keeps_the_spelling_of_the_choice():
    assert nearest("adam", ["Adam", "SGD"]) == "Adam"


def test_unknown_with_a_near_choice():
    assert str(unknown("model", "resnt", ["mlp", "resnet"])) == (
        "unknown model 'resnt'; did you mean 'resnet'?"
    )


def test_unknown_without_a_near_choice_lists_a_dozen():
    message = str(unknown("model", "zzz", [f"model-{i:02}" for i in range(20)]))
    assert message.startswith("unknown model 'zzz'; expected one of: model-00, model-01")
    assert message.endswith("model-11, ...")
    assert "model-12" not in message


def test_unknown_where_nothing_is_known():
    assert "nothing of this kind is known" in str(unknown("model", "x", []))


def test_a_usage_error_is_a_value_error():
    assert issubclass(UsageError, ValueError)
