import re

import pytest

from cartograd.apps.exams.limits import CURVES, exams_of, names
from cartograd.apps.exams.prompts import questions
from cartograd.apps.exams.sit import examine
from cartograd.core.errors import UsageError
from cartograd.data.sources.multiplication import written


class Able:
    """Somebody who answers right up to a size of each curve, and wrong beyond."""

    name = "able"

    def __init__(self, most):
        self.most, self.notes = most, []

    def likelihoods(self, pairs, /):
        raise AssertionError

    def whole(self, texts, /):
        raise AssertionError

    def written(self, asked, how, /):
        found = []
        for one in asked:
            *shown, last = one.prompt.split("\n")
            for example in shown:
                question, answer = re.fullmatch(r"(.*[=:])(.*)", example).groups()
                assert self.right(question)[1].strip() == answer.strip()
            size, answer = self.right(last)
            found.append(answer if size <= self.most else "-1")
            assert len(answer) <= how.length
        return found

    def right(self, question):
        """The size of a question, and its answer; of a product with all steps."""
        if copied := re.fullmatch(r"copy ([a-z]+):", question):
            return len(copied[1]), f" {copied[1]}"
        inner = question.removesuffix("=")
        if product := re.fullmatch(r"(\d+)\*(\d)", inner):
            return len(product[1]), written(int(product[1]), int(product[2]))
        signs = re.findall(r"[+-]", inner)
        steps = re.findall(r"[+-]?\d+", inner)
        chain = all(len(step.strip("+-")) == 1 for step in steps)
        size = max(len(signs), 1) if chain else len(steps[0])
        return size, str(sum(map(int, steps)))


@pytest.mark.place("llm/limits")
def test_accuracy_falls_where_the_model_ends():
    found = {one.task: one.figures["exact_match"] for one in examine(Able(2), names()[1:])}
    assert len(found) == sum(len(curve.sizes) for curve in CURVES.values())
    for task, figure in found.items():
        size = int(task.rpartition("-")[2])
        assert figure.value == (size <= 2), task
        assert figure.low <= figure.value <= figure.high
        assert figure.high - figure.low < 0.2


@pytest.mark.place("llm/limits")
def test_questions_are_of_their_size_and_never_shown_before():
    for exam in [*exams_of("limits"), *exams_of("limits-products")]:
        size = int(exam.name.rpartition("-")[2])
        assert len(exam.items) == 50
        assert len({one["question"] for one in exam.items}) == 50
        asked = questions(exam)
        for item, one in zip(exam.items, asked, strict=True):
            *shown, last = one.prompt.split("\n")
            assert last == item["question"]
            assert len(shown) == exam.shots.count
            assert all(not line.startswith(last) for line in shown)
            if "digits" not in exam.name or size > 1:
                assert Able(9).right(last)[0] == size
        again = exams_of(exam.name.rpartition("-")[0])
        assert any(other.items == exam.items for other in again)


def test_few_questions_and_no_examples():
    (first, *_) = examine(Able(9), ["limits-steps"], limit=3, shots=0)
    assert len(first.answers) == 3
    assert "\n" not in first.answers[0].prompt


@pytest.mark.parametrize(
    ("task", "given", "told"),
    [
        ("limits-digit", {}, "did you mean 'limits-digits'"),
        ("limits", {"limit": 0}, "limit=0 is out of range; expected at least 1"),
        ("limits", {"shots": -1}, "shots=-1 is out of range"),
        ("limits-digits", {"shots": 500}, "leaves none of the"),
    ],
)
def test_what_is_no_curve_is_refused(task, given, told):
    with pytest.raises(UsageError, match=told):
        examine(Able(1), [task], **given)
