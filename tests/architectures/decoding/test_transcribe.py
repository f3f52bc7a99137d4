"""Transcribing: what the model is asked, what it may not say, and where a recording is cut."""

import pytest
import torch

from cartograd.architectures.decoding.transcribe import transcribe, windows
from cartograd.core.errors import UsageError

SPECIAL = ("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|haw|>", "<|translate|>",
           "<|transcribe|>", "<|notimestamps|>")  # fmt: skip
FIRST = 10


class Words:
    """A tokenizer of ten words and Whisper's tokens after them."""

    def __init__(self):
        added = [{"content": word, "id": FIRST + i} for i, word in enumerate(SPECIAL)]
        self.document = {"added_tokens": added}

    def decode(self, ids):
        return " " + " ".join(map(str, ids))


class Writing:
    """Says the number of its window, then ends; would rather say a time."""

    length = 0

    def __init__(self, window, seen):
        self.window, self.seen = window, seen

    def read(self, tokens, /, *, last=False):
        self.seen += tokens[0].tolist()
        logits = torch.zeros(1, 1, 30)
        logits[..., 13] = 1  # <|haw|>
        logits[..., 25] = 9
        if self.seen[-1] == FIRST + 6:
            logits[..., self.window] = 5
        elif self.seen[-1] < FIRST:
            logits[..., FIRST] = 5
        return logits

    def reorder(self, rows, /): ...

    def rewind(self, length, /): ...


class Model:
    """Hears a thousand samples, and remembers what it was asked."""

    samples = 1000

    def __init__(self):
        self.asked, self.lengths = [], []

    def decoder(self, source, capacity, /):
        self.asked.append([])
        self.lengths.append(source.shape[2])
        return Writing(len(self.asked), self.asked[-1])


@pytest.mark.law("transcribe")
def test_it_asks_in_the_right_words():
    model = Model()
    text, language = transcribe(model, torch.ones(2300), Words())
    assert (text, language) == ("1 2 3", "haw")
    assert model.lengths == [1000, 1000, 300]
    for window, asked in enumerate(model.asked, start=1):
        assert asked == [11, 13, 15, 16, window]
    assert transcribe(Model(), torch.ones(10), Words(), language="en") == ("1", "en")


@pytest.mark.law("transcribe")
def test_windows_are_cut_where_it_is_quietest():
    sound = torch.ones(50_000)
    sound[24_000:26_000] = 0.01
    parts = windows(sound, 30_000)
    assert next(len(part) for part in parts) in range(24_000, 26_000)
    assert torch.equal(torch.cat(parts), sound)
    assert [len(part) for part in windows(torch.ones(30_000), 30_000)] == [30_000]


def test_what_cannot_be_is_told():
    with pytest.raises(UsageError, match="unknown language 'xx'"):
        transcribe(Model(), torch.ones(10), Words(), language="xx")
    with pytest.raises(UsageError, match="holds no samples"):
        transcribe(Model(), torch.ones(0), Words())
    with pytest.raises(UsageError, match=r"has no <\|startoftranscript\|>"):
        transcribe(Model(), torch.ones(10), None)
