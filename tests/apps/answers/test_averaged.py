"""Which class a metric is of: by one rule, by its name, and beside the figure."""

import re

import pytest
import torch

from cartograd.apps.answers.averaged import about, measure, spoken, why_positive, with_positive
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature

EVEN = torch.tensor([0, 1] * 20)
UNEVEN = torch.tensor([0] * 5 + [1] * 35)


def port(*labels, positive=""):
    return Port("class", "label", (len(labels),), labels=labels, positive=positive, task="classify")


@pytest.mark.parametrize(
    ("labels", "targets", "named", "expected", "why"),
    [
        (("no", "yes"), EVEN, None, "yes", "by its name"),
        (("Yes", "no"), UNEVEN, None, "Yes", "by its name"),
        (("0", "1"), 1 - UNEVEN, None, "1", "by its name"),
        (("fraud", "ok"), UNEVEN, None, "fraud", r"the rare class \(5 of 40 examples\)"),
        (("cat", "dog"), EVEN, None, "dog", "the second class"),
        (("cat", "dog"), EVEN, "cat", "cat", "as positive= says"),
        (("1", "2"), EVEN, 2, "2", "as positive= says"),
        (("1", "yes"), EVEN, None, "yes", "the second class"),
    ],
)
def test_one_rule_finds_the_class_that_is_looked_for(labels, targets, named, expected, why):
    found, told = with_positive(port(*labels), targets, named)
    assert found.positive == expected
    assert told.startswith(f"precision, recall and F1 are of {expected!r}, ")
    assert re.search(why, told)


def test_an_evaluation_says_which_rule_chose_the_class():
    signature = Signature((), (with_positive(port("fraud", "ok"), UNEVEN)[0],))
    told = [with_positive(port("fraud", "ok"), UNEVEN)[1]]
    metrics = {spec: about(spec, signature) for spec in ("accuracy", "f1", "recall")}
    assert why_positive(metrics, signature, told) == "'fraud', the rare class (5 of 40 examples)"
    assert why_positive(metrics, signature, []) == "'fraud'"  # a model that tells nothing of it
    other = {"f1": about("f1:positive=ok", signature)}
    assert why_positive(other, signature, told) == "'ok', as positive= says"
    bare = Signature((), (port("a", "b"),))
    assert why_positive({"f1": about("f1", bare)}, bare, []) == "'b', the second class"
    assert why_positive({"accuracy": about("accuracy", bare)}, bare, []) == ""


def test_three_classes_have_none_and_names_are_checked():
    assert with_positive(port("a", "b", "c"), EVEN) == (port("a", "b", "c"), "")
    with pytest.raises(UsageError, match="positive=a needs two classes"):
        with_positive(port("a", "b", "c"), EVEN, "a")
    with pytest.raises(UsageError, match="unknown class 'fruad'; did you mean 'fraud'"):
        with_positive(port("fraud", "ok"), EVEN, "fruad")
    with pytest.raises(UsageError, match="is no label"):
        port("a", "b", positive="c")


def test_a_metric_is_of_the_class_that_the_signature_or_the_spec_names():
    targets = torch.tensor([0, 0, 0, 1, 1])
    outputs = torch.eye(2)[torch.tensor([0, 1, 1, 1, 1])]  # a third of class 0 is found, all of 1
    for positive, spec, value, said in (
        ("a", "recall", 1 / 3, "recall (of a)"),
        ("b", "recall", 1.0, "recall (of b)"),
        ("", "recall", 1.0, "recall (of b)"),
        ("b", "recall:positive=a", 1 / 3, "recall (of a)"),
        ("a", "recall:average=macro", 2 / 3, "recall (macro)"),
        ("a", "accuracy", 3 / 5, "accuracy"),
    ):
        signature = Signature((), (port("a", "b", positive=positive),))
        assert measure(spec, signature)(outputs, targets) == pytest.approx(value)
        assert spoken(spec, about(spec, signature)) == said
    three = Signature((), (port("a", "b", "c"),))
    assert spoken("f1", about("f1", three)) == "f1 (macro)"
    with pytest.raises(UsageError, match="unknown class 'z'"):
        measure("recall:positive=z", three)
