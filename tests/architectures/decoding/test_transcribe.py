"""Transcribing: what the model is asked, what it may not say, and where a recording is cut."""

import pytest
import torch

from cartograd.architectures.decoding.transcribe import transcribe, windows
from cartograd.architectures.pretrained.hf import hf
from cartograd.core.errors import UsageError
from tests.architectures.speech.test_whisper import SIZES
from tests.reference import Reference

transformers = Reference("transformers")
logits_process = Reference("transformers.generation.logits_process")

SPECIAL = ("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|haw|>", "<|translate|>",
           "<|transcribe|>", "<|notimestamps|>", "<|nocaptions|>")  # fmt: skip
FIRST = 10


class Words:
    """A tokenizer of ten words and Whisper's tokens after them."""

    def __init__(self):
        added = [{"content": word, "id": FIRST + i} for i, word in enumerate(SPECIAL)]
        self.document = {"added_tokens": added}

    def decode(self, ids):
        return " " + " ".join(map(str, ids))


class Writing:
    """Says the number of its window, then ends; would rather say a time, or (`silent`) nothing."""

    length = 0

    def __init__(self, window, seen, silent):
        self.window, self.seen, self.silent = window, seen, silent

    def read(self, tokens, /, *, last=False):
        self.seen += tokens[0].tolist()
        logits = torch.zeros(1, 1, 30)
        logits[..., 13] = 1  # <|haw|>
        logits[..., 25] = 9
        if self.silent and len(self.seen) == 1:
            logits[..., FIRST + 7] = 12
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

    def __init__(self, silent=()):
        self.asked, self.lengths, self.silent = [], [], silent

    def decoder(self, source, capacity, /):
        self.asked.append([])
        self.lengths.append(source.shape[2])
        window = len(self.asked)
        return Writing(window, self.asked[-1], window in self.silent)


@pytest.mark.law("transcribe")
def test_it_asks_in_the_right_words():
    model = Model()
    found = transcribe(model, torch.ones(2300), Words())
    assert found[:2] == ("1 2 3", "haw")
    assert found.no_speech < 0.01
    assert model.lengths == [1000, 1000, 300]
    for window, asked in enumerate(model.asked, start=1):
        assert asked == [11, 13, 15, 16, window]
    assert transcribe(Model(), torch.ones(10), Words(), language="en")[:2] == ("1", "en")


@pytest.mark.law("transcribe")
def test_windows_are_cut_where_it_is_quietest():
    sound = torch.ones(50_000)
    sound[24_000:26_000] = 0.01
    parts = windows(sound, 30_000)
    assert next(len(part) for part in parts) in range(24_000, 26_000)
    assert torch.equal(torch.cat(parts), sound)
    assert [len(part) for part in windows(torch.ones(30_000), 30_000)] == [30_000]


@pytest.mark.law("transcribe")
def test_where_nobody_speaks_nothing_is_written():
    between = transcribe(Model(silent=(2,)), torch.ones(2300), Words())
    assert between.text == "1 3"
    assert between.no_speech < 0.01, "somebody speaks in the first window"
    nothing = transcribe(Model(silent=(1,)), torch.ones(900), Words())
    assert nothing.text == ""
    assert nothing.no_speech > 0.9


@pytest.mark.oracle("transcribe")
@torch.inference_mode()
def test_it_detects_no_speech_as_transformers_does(tmp_path):
    """On a tiny model of random weights."""
    torch.manual_seed(0)
    theirs = transformers.WhisperForConditionalGeneration(
        transformers.WhisperConfig(**SIZES | {"vocab_size": 20})
    ).eval()
    for parameter in theirs.parameters():
        if parameter.requires_grad:
            parameter.data += 0.3 * torch.randn_like(parameter)
    theirs.save_pretrained(tmp_path)
    ours = hf(tmp_path).model
    sound, start = torch.randn(6400) / 4, FIRST + 1
    found = transcribe(ours, sound, Words(), language="en", length=5)
    heard = {"input_features": ours.features(sound[None, None])}
    detector = logits_process.WhisperNoSpeechDetection(FIRST + 7, begin_index=4)
    detector.set_model(theirs)
    asked = torch.tensor([[start, FIRST + 2, FIRST + 5, FIRST + 6]])
    detector.inputs = heard | {"decoder_input_ids": asked}
    detector(asked, None)
    assert found.no_speech == pytest.approx(detector.no_speech_prob[0].item(), abs=1e-4)


def test_what_cannot_be_is_told():
    with pytest.raises(UsageError, match="unknown language 'xx'"):
        transcribe(Model(), torch.ones(10), Words(), language="xx")
    with pytest.raises(UsageError, match="holds no samples"):
        transcribe(Model(), torch.ones(0), Words())
    with pytest.raises(UsageError, match=r"has no <\|startoftranscript\|>"):
        transcribe(Model(), torch.ones(10), None)
