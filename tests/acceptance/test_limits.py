"""The row on limits: lessons of their sizes, none of the exam, and what is asked of curves."""

import pytest

from acceptance import limits
from acceptance.limits import LESSONS, Share, lessons, pool, reached
from cartograd.apps.exams.limits import CURVES, exams_of


def curves(**wrong):
    """A model that knows its lessons and nothing else, but for some points."""
    return {
        kind: [
            Share(size, wrong.get(f"{kind}_{size}", 100.0 * (size in known)), 0.0, 100.0)
            for size in CURVES[kind].sizes
        ]
        for kind, known in LESSONS.items()
    }


@pytest.mark.parametrize("kind", LESSONS)
def test_no_question_of_the_exam_is_a_lesson(kind):
    for size in LESSONS[kind]:
        own = pool(kind, size, 3)
        assert len(own) == len(set(own)) >= 90
        exam = next(
            one for one in exams_of(f"limits-{kind}", seed=3) if one.name.endswith(f"-{size}")
        )
        if size > 1:
            asked = {one["question"] for one in exam.items}
            assert not [one for one in own if any(one.startswith(question) for question in asked)]


def test_lessons_are_of_the_sizes_that_are_told(monkeypatch):
    monkeypatch.setattr(limits, "BYTES", 20_000)
    lines = lessons(0).splitlines()
    assert lines == lessons(0).splitlines() != lessons(1).splitlines()
    known = {
        one for kind, sizes in LESSONS.items() for size in sizes for one in pool(kind, size, 0)
    }
    assert set(lines) <= known
    copied = {len(one.partition(": ")[2]) for one in lines if one.startswith("copy")}
    assert copied == set(LESSONS["length"])


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({}, True),
        ({"digits_2": 79.0}, False),
        ({"steps_8": 31.0}, False),
        ({"steps_4": 90.0}, True),
    ],
)
def test_lessons_are_known_and_what_lies_far_beyond_is_not(wrong, right):
    assert reached(curves(**wrong)) == right
