"""Words at which a text ends, however it is cut into pieces."""

import random
from itertools import pairwise

from cartograd.apps.server.until import Until


def sent(text, words, cuts):
    until, found = Until(words), []
    places = [0, *cuts, len(text)]
    for start, end in pairwise(places):
        found.append(until.add(text[start:end]))
    return "".join([*found, until.rest()]), until.met, found


def test_pieces_do_not_matter():
    draw = random.Random(0)
    for _ in range(400):
        text = "".join(draw.choice("ab") for _ in range(draw.randrange(1, 12)))
        words = ["".join(draw.choice("ab") for _ in range(draw.randrange(1, 5)))
                 for _ in range(draw.randrange(4))]  # fmt: skip
        ends = [(text.index(w) + len(w), text.index(w)) for w in words if w in text]
        right = text[: min(ends)[1]] if ends else text
        cuts = sorted(draw.choices(range(len(text) + 1), k=draw.randrange(5)))
        assert sent(text, words, range(1, len(text)))[:2] == (right, bool(ends))
        assert sent(text, words, cuts)[:2] == (right, bool(ends))


def test_nothing_waits_that_is_no_beginning():
    until = Until(["stop"])
    assert [until.add(one) for one in ("a s", "to", "ne", " st")] == ["a ", "", "stone", " "]
    assert (until.rest(), until.met) == ("st", False)
    assert Until([]).add("all of it") == "all of it"
