"""Silero VAD: equal to its steps written out, streams, and counts."""

import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.speech.silero_vad import WINDOW, SileroVAD


def sound(samples, rows=2):
    return torch.randn(rows, 1, samples, generator=torch.Generator().manual_seed(1)).double() / 4


def model(width=8):
    torch.manual_seed(0)
    return SileroVAD(width=width).double()


def by_hand(own, x):
    """Window by window, with torch's own transform and cell."""
    cell = torch.nn.LSTMCell(8, 8).double()
    state = {name.removesuffix("_l0"): value for name, value in own.lstm.kernel.named_parameters()}
    before, h, c, logits = x.new_zeros(len(x), 64), None, None, []
    for window in F.pad(x[:, 0], (0, -x.shape[2] % 512)).split(512, 1):
        given = torch.cat([before, window], 1)
        mirrored = torch.cat([given, given[:, -65:-1].flip(1)], 1)
        hann = torch.hann_window(256).double()
        y = torch.stft(mirrored, 256, 128, 256, hann, center=False, return_complex=True).abs()
        for number, stride in ((1, 1), (2, 2), (3, 2), (4, 1)):
            conv = own.get_submodule(f"conv{number}")
            y = F.conv1d(y, conv.weight, conv.bias, stride=stride, padding=1).clamp(min=0)
        memory = None if h is None else (h, c)
        h, c = torch.func.functional_call(cell, state, (y.squeeze(2), memory))
        logits.append(h.clamp(min=0) @ own.out.weight.T + own.out.bias)
        before = window[:, -64:]
    return torch.stack(logits, 1)


@pytest.mark.oracle("vad")
@pytest.mark.parametrize("samples", [512, 1300, 4096])
def test_equal_to_the_steps_written_out(samples):
    own, x = model(), sound(samples)
    own.stft_conv.weight.requires_grad_(False)  # torch.stft has no weights
    with torch.no_grad():
        own.stft_conv.weight.copy_(_exact())
    learned = [p for p in own.parameters() if p.requires_grad]
    ours, theirs = own(x), by_hand(own, x)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    weight = torch.randn_like(ours)
    pairs = zip(
        torch.autograd.grad((ours * weight).sum(), learned),
        torch.autograd.grad((theirs * weight).sum(), learned),
        strict=True,
    )
    for mine, reference in pairs:
        torch.testing.assert_close(mine, reference, rtol=1e-10, atol=1e-10)


def _exact():
    """The transform in double precision, from that of unit impulses."""
    hann = torch.hann_window(256).double()
    rows = torch.fft.rfft(torch.eye(256).double() * hann)
    return torch.cat([rows.real.T, rows.imag.T])[:, None]


def test_the_first_convolution_starts_as_that_transform():
    torch.testing.assert_close(SileroVAD(width=8).stft_conv.weight.double(), _exact(), atol=1e-6,
                               rtol=0)  # fmt: skip


@pytest.mark.law("vad")
@pytest.mark.parametrize("cuts", [(512,), (1024, 512), (512, 512, 512, 512)])
def test_in_pieces_it_is_the_same(cuts):
    own, x = model(), sound(2100)
    memory, found, start = None, [], 0
    for length in (*cuts, 2100):
        logits, memory = own.stream(x[:, :, start : start + length], memory)
        found.append(logits)
        start += length
        if start >= 2100:
            break
    torch.testing.assert_close(torch.cat(found, 1), own(x), rtol=1e-10, atol=1e-12)


@pytest.mark.law("vad")
def test_what_comes_later_changes_nothing():
    own, x = model(), sound(2048)
    other = x.clone()
    other[:, :, 3 * WINDOW :] = 0.3
    assert torch.equal(own(x)[:, :3], own(other)[:, :3])
    assert not torch.equal(own(x)[:, 3], own(other)[:, 3])


@pytest.mark.paper("vad")
def test_parameters():
    assert sum(p.numel() for p in SileroVAD().parameters()) == 309_633


def test_silence_gives_finite_gradients():
    own = model()
    own(torch.zeros(1, 1, 1024).double()).sum().backward()
    assert all(p.grad.isfinite().all() for p in own.parameters())
