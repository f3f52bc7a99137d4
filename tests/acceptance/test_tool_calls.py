"""The questions of the row on tools, and how its answers are read."""

from acceptance.tool_calls import MANY, numbers, questions


def test_questions_have_their_right_answers():
    found = questions(0)
    assert len(found) == MANY
    assert found == questions(0) != questions(1)
    signs = {"plus": "+", "minus": "-", "times": "*"}
    for question, right in found:
        _, _, large, word, small = question.rstrip("?").split()
        assert eval(f"{large} {signs[word]} {small}") == right


def test_numbers_are_read_as_people_write_them():
    assert numbers("481 + 29 = 1,510, or -3.") == [481, 29, 1510, -3]
    assert numbers("none") == []
