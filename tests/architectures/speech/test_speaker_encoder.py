"""The speaker encoder: against its parts built by hand, and what an embedding promises."""

import math

import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.speech.speaker_encoder import (
    LOUD,
    SpeakerEncoder,
    ge2e,
    louder,
    pieces,
)
from cartograd.core.errors import UsageError
from tests.reference import Reference

audio_utils = Reference("transformers.audio_utils")


def sound(samples, rows=2):
    return torch.randn(rows, 1, samples, generator=torch.Generator().manual_seed(1)).double() / 4


def model():
    torch.manual_seed(0)
    return SpeakerEncoder(width=8, depth=2, dim=6, n_mels=10).double()


@pytest.mark.oracle("speaker-encoder")
@pytest.mark.parametrize("samples", [4000, 40000])
def test_equal_to_its_parts_built_by_hand(samples):
    own, x = model(), sound(samples)
    bank = audio_utils.mel_filter_bank(
        201, 10, 0.0, 8000.0, 16000, norm="slaney", mel_scale="slaney"
    )
    own.mel.filters.copy_(torch.from_numpy(bank))
    padded = F.pad(x[:, 0], (0, max(0, 25600 - samples)))
    window = own.mel.window
    waves = torch.stft(padded, 400, 160, 400, window, pad_mode="constant", return_complex=True)
    mel = waves.abs().square().transpose(1, 2) @ torch.from_numpy(bank)
    starts = [0, 77] if samples == 40000 else [0]
    each = []
    for start in starts:
        hidden, _ = own.lstm.kernel(mel[:, start : start + 160])
        y = F.linear(hidden[:, -1], own.linear.weight, own.linear.bias).clamp(min=0)
        each.append(y / y.norm(dim=1, keepdim=True))
    mean = sum(each) / len(each)
    theirs = mean / mean.norm(dim=1, keepdim=True)
    ours = own(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    weight = torch.randn_like(ours)
    learned = list(own.parameters())
    pairs = zip(
        torch.autograd.grad((ours * weight).sum(), learned),
        torch.autograd.grad((theirs * weight).sum(), learned),
        strict=True,
    )
    for mine, reference in pairs:
        torch.testing.assert_close(mine, reference, rtol=1e-9, atol=1e-12)


@pytest.mark.law("speaker-encoder")
def test_length_one_and_no_matter_how_quiet():
    own, x = model(), sound(8000)
    torch.testing.assert_close(own(x).norm(dim=1), torch.ones(2).double())
    torch.testing.assert_close(own(x / 1000), own(x / 200))
    quiet = louder(x[:, 0] / 1000)
    torch.testing.assert_close(quiet.square().mean(1).sqrt(), torch.full((2,), LOUD).double())
    assert torch.equal(louder(x[:, 0]), x[:, 0])
    assert torch.equal(louder(torch.zeros(1, 9)), torch.zeros(1, 9))


@pytest.mark.parametrize("samples", [1, 25600, 37000, 45000, 48000, 160000])
def test_pieces_cover_the_utterance(samples):
    starts = pieces(samples)
    assert starts == [77 * i for i in range(len(starts))]
    left = samples / 160 - (starts[-1] + 160)
    assert left <= 77 + 0.75 * 160 - 160 + 77
    assert len(starts) == 1 or samples / 160 - starts[-1] >= 120


def written_out(embeddings, weight, bias):
    speakers, utterances, _ = embeddings.shape
    losses = torch.empty(speakers, utterances, dtype=embeddings.dtype)
    for j in range(speakers):
        for i in range(utterances):
            scores = []
            for k in range(speakers):
                chosen = [embeddings[k, m] for m in range(utterances) if (k, m) != (j, i)]
                centre = sum(chosen) / len(chosen)
                cosine = F.cosine_similarity(embeddings[j, i], centre, dim=0)
                scores.append(weight * cosine + bias)
            losses[j, i] = torch.logsumexp(torch.stack(scores), 0) - scores[j]
    return losses


@pytest.mark.law("speaker-encoder")
def test_ge2e_is_its_definition():
    draw = torch.Generator().manual_seed(0)
    embeddings = F.normalize(torch.randn(3, 4, 5, generator=draw).double(), dim=2)
    weight, bias = torch.tensor(7.0).double(), torch.tensor(-3.0).double()
    ours = ge2e(embeddings, weight, bias)
    torch.testing.assert_close(ours, written_out(embeddings, weight, bias), rtol=1e-10, atol=1e-10)
    apart = torch.eye(3).double()[:, None].expand(3, 4, 3)
    assert ge2e(apart, weight, bias).max() < math.log(3) < ge2e(apart[:1].expand(3, 4, 3), weight,
                                                                bias).min() + 1e-9  # fmt: skip
    with pytest.raises(UsageError, match="at least two speakers"):
        ge2e(embeddings[:1], weight, bias)


@pytest.mark.paper("speaker-encoder")
def test_parameters():
    assert sum(p.numel() for p in SpeakerEncoder().parameters()) == 1_423_616
