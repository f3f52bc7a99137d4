import re

import pytest

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.sources.multiplication import multiplication, questions, written


def lines(part):
    """What is read and what is learned of each row."""
    rows = part.select(range(len(part)))
    for x, y in zip(rows.stored.tolist(), rows.stored_targets.tolist(), strict=True):
        learned = [place for place, token in enumerate(y) if token >= 0]
        yield bytes(x[: learned[0] + 1]).decode(), bytes(y[i] for i in learned).decode()
        assert learned == list(range(learned[0], learned[-1] + 1))
        assert x[learned[0] + 1 : learned[-1] + 1] == y[learned[0] : learned[-1]]


@pytest.mark.law("multiplication")
@pytest.mark.parametrize("digits", [1, 2, 3])
def test_each_step_is_true_and_the_last_is_the_product(digits):
    data = multiplication(digits=digits, examples=60)
    seen = set()
    for part in (data.train, data.valid, data.test):
        for question, answer in lines(part):
            a, b = map(int, question.removesuffix("=").split("*"))
            assert len(str(a)) == digits
            assert (a, b) not in seen
            seen.add((a, b))
            assert answer.endswith("\n")
            *steps, last = answer[:-1].split(";")
            assert int(last) == a * b
            carried = 0
            for step, digit in zip(steps, reversed(str(a)), strict=True):
                found = re.fullmatch(r"(\d)\*(\d)=(\d+)(?:\+(\d)=(\d+))?", step)
                assert found is not None
                assert (found[1], int(found[2])) == (digit, b)
                assert int(found[3]) == int(digit) * b
                assert int(found[4] or 0) == carried
                total = int(found[5] or found[3])
                assert total == int(found[3]) + carried
                carried = total // 10
            assert total // 10 == a * b // 10**digits
    assert len(seen) == 60


@pytest.mark.law("multiplication")
def test_without_a_scratchpad_the_same_questions_have_the_product_alone():
    both = [multiplication(scratchpad=shown, examples=80) for shown in (True, False)]
    for part in ("train", "valid", "test"):
        own, plain = (list(lines(getattr(data, part))) for data in both)
        assert [question for question, _ in own] == [question for question, _ in plain]
        assert [answer.split(";")[-1] for _, answer in own] == [answer for _, answer in plain]


def test_all_products_of_two_digits_are_asked_by_default():
    assert len(set(questions(2, None, seed=0))) == 90 * 8
    assert len(set(questions(1, None, seed=0))) == 8 * 8
    assert len(set(questions(5, None, seed=0))) == 720
    assert questions(5, 9, seed=0) != questions(5, 9, seed=1)


def test_a_model_reads_them():
    data = multiplication(examples=20)
    model = build("gpt:dim=8,heads=2,depth=1,context=40", signature=data.signature)
    assert model(data.train.inputs[:3]).shape == (3, len(written(99, 9)) + 5, 256)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"digits": 10}, "digits=10 is out of range; expected 1 to 9"),
        ({"examples": 721}, "more than the 720 products"),
    ],
)
def test_what_is_not_there_is_refused(given, told):
    with pytest.raises(UsageError, match=told):
        multiplication(**given)
