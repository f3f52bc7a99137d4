import pytest
import torch

from cartograd.architectures.decoding.streaming import room_for, streaming
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.training.diagnosis.needle import Haystack, needle

MARK, VOCABULARY = 1, 40
HAY = Haystack(
    filler=range(30, 40),
    needles=[((MARK, n, n + 10), (n, n + 10)) for n in range(2, 12)],
    question=(MARK,),
    begin=(0,),
)


class Reader:
    """Answers by what followed the mark before it, within its last tokens; else by chance."""

    def __init__(self, rows, capacity, /, memory):
        self.capacity, self.memory, self.text = capacity, memory, torch.zeros(rows, 0).long()

    @property
    def length(self):
        return self.text.shape[1]

    def read(self, tokens, /, *, last=False):
        before = self.length
        self.text = torch.cat([self.text, tokens], 1)
        assert self.length <= self.capacity
        ends = range(self.length if last else before + 1, self.length + 1)
        return torch.stack([torch.stack([self.after(row[:e]) for e in ends]) for row in self.text])

    def after(self, row):
        noise = torch.Generator().manual_seed(int((row * torch.arange(1, len(row) + 1)).sum()))
        logits = torch.randn(VOCABULARY, generator=noise)
        last = [i for i, token in enumerate(row.tolist()) if token == MARK][-1]
        back = len(row) - last  # how much of the answer is there already
        seen = row[:last][-self.memory :] if self.memory else row[:0]
        where = (seen == MARK).nonzero()
        if len(where) and where[0, 0] + back < len(seen):
            logits[seen[where[0, 0] + back]] += 100
        return logits

    def reorder(self, rows, /):
        self.text = self.text[rows]

    def rewind(self, length, /):
        self.text = self.text[:, :length]


def looked(memory, **options):
    return needle(lambda rows, n: Reader(rows, n, memory=memory), HAY, **options)


@pytest.mark.law("needle")
def test_finds_what_a_memory_of_so_many_tokens_holds():
    options = {"lengths": (12, 32), "trials": 40, "depths": 3}
    whole = looked(100, **options)
    assert whole.exact == whole.chosen == ((1.0,) * 3,) * 2
    some = looked(8, **options)
    assert some.exact[0][1:] == (1.0, 1.0)  # from the middle of 12 tokens on
    assert some.exact[1][2] == some.chosen[1][2] == 1
    assert max(some.exact[1][:2]) < 0.1
    nothing = looked(0, lengths=(20,), trials=300, depths=1)
    assert nothing.exact[0][0] < 0.05
    assert nothing.chosen[0][0] == pytest.approx(1 / 4, abs=0.07)
    assert whole.by_length() == (1.0, 1.0)


@pytest.mark.law("needle")
def test_prompts_are_as_long_as_said_with_the_needle_at_its_depth():
    for length in (5, 9, 20):
        for depth in (0.0, 0.5, 1.0):
            prompt = HAY.prompt((MARK, 2, 12), length=length, depth=depth, turn=7)
            assert len(prompt) == length
            assert prompt[0] == 0
            assert prompt[-1] == MARK
            assert prompt.index(MARK) == 1 + round(depth * (length - 5))
    assert HAY.prompt((MARK, 2, 12), length=8, depth=0, turn=9)[4:7] == [39, 30, 31]


def test_answers_of_unlike_length_are_compared_alone():
    hay = Haystack(range(30, 40), [((MARK, 2), (2,)), ((MARK, 3, 13), (3, 13))], (MARK,))
    found = needle(lambda rows, n: Reader(rows, n, memory=50), hay, lengths=(12,), trials=6)
    assert found.exact == found.chosen == ((1.0,) * 5,)
    assert found.alternatives == 2


def test_a_stream_reads_again_for_each_alternative():
    torch.manual_seed(0)
    model = build("llama:vocabulary=40,dim=8,depth=1,heads=2,ffn_dim=12,context=64")
    options = {"lengths": (16,), "trials": 5, "depths": 2}

    def stream(rows, capacity):
        return streaming(model.decoder(rows, room_for(2, 30, 64)), sinks=2, window=30)

    def short(rows, capacity):
        return streaming(model.decoder(rows, room_for(2, 8, 64)), sinks=2, window=8)

    cells = []
    plain = needle(model.decoder, HAY, lambda done, of: cells.append((done, of)), **options)
    assert needle(stream, HAY, **options) == plain
    assert len(needle(short, HAY, **options).chosen[0]) == 2
    assert cells == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lengths": (4,)}, "needle and question are 5 tokens, more than length=4"),
        ({"lengths": ()}, "lengths is empty"),
        ({"lengths": (9,), "alternatives": 1}, "alternatives is too small; expected at least 2"),
        ({"lengths": (9,), "trials": 0}, "trials is too small; expected at least 1"),
    ],
)
def test_refused(options, message):
    with pytest.raises(UsageError, match=message):
        looked(9, **options)


def test_a_haystack_has_needles_with_answers_and_a_filler():
    for hay in (
        Haystack((), HAY.needles, (1,)), Haystack((5,), HAY.needles[:1], (1,)),
        Haystack((5,), [((1, 2), (2,)), ((1, 3), ())], (1,)),
    ):  # fmt: skip
        with pytest.raises(UsageError, match="needle"):
            needle(lambda rows, n: Reader(rows, n, memory=9), hay, lengths=(9,))
