"""The Mel ResNet: against its parts built by hand, and what samples alone do not show."""

import math

import pytest
import torch
import torch.nn.functional as F

import cartograd as cg
from cartograd.apps.auto.candidates import candidates
from cartograd.apps.load.choice import choice
from cartograd.architectures.speech.mel_resnet import FLOOR, MelResNet
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.tensors import assemble
from tests.reference import Reference

audio_utils = Reference("transformers.audio_utils")

RATE = 4000


@pytest.mark.oracle("mel-resnet")
def test_equal_to_its_parts_built_by_hand():
    torch.manual_seed(0)
    own = MelResNet(classes=3, sample_rate=8000, n_mels=20, width=4).double()
    x = torch.randn(4, 1, 1500, generator=torch.Generator().manual_seed(1)).double()
    bank = audio_utils.mel_filter_bank(
        101, 20, 0.0, 4000.0, 8000, norm="slaney", mel_scale="slaney"
    )
    own.mel.filters.copy_(torch.from_numpy(bank))
    window = own.mel.window
    waves = torch.stft(x[:, 0], 200, 80, 200, window, pad_mode="constant", return_complex=True)
    powers = waves.abs().square().transpose(1, 2) @ torch.from_numpy(bank)
    bands = F.batch_norm((powers + FLOOR).log().flatten(0, 1), None, None, training=True)
    pictures = bands.unflatten(0, powers.shape[:2]).transpose(1, 2)[:, None]
    theirs, ours = own.resnet(pictures), own(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    weight = torch.randn_like(ours)
    learned = list(own.resnet.parameters())
    pairs = zip(
        torch.autograd.grad((ours * weight).sum(), learned),
        torch.autograd.grad((theirs * weight).sum(), learned),
        strict=True,
    )
    for mine, reference in pairs:
        torch.testing.assert_close(mine, reference, rtol=1e-10, atol=1e-10)


def tones(count):
    """Short tones of three pitches, of any phase and at any place, in noise."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(count) % 3
    pitch = torch.tensor([300.0, 420.0, 600.0])[y][:, None]
    phase = 2 * math.pi * torch.rand(count, 1, generator=draw)
    time, start = torch.arange(1200), torch.randint(1000, (count, 1), generator=draw)
    x = torch.sin(2 * math.pi * pitch * time / RATE + phase)
    x = x * ((time >= start) & (time < start + 200))
    x = (x + 0.2 * torch.randn(x.shape, generator=draw)).mul(0.2)[:, None]
    port = Port("sound", "audio", (1, 1200), bounds=(-2.0, 2.0), rate=RATE)
    label = Port("pitch", "label", (3,), labels=("low", "middle", "high"), task="classify")
    names = [f"tone {number}" for number in range(count)]
    every = Split(x, y, Signature((port,), (label,)), names)
    return assemble("tones", {"train": every}, {"valid": 0.2, "test": 0.3}, keys=names, about={})


@pytest.mark.law("mel-resnet")
def test_tones_of_any_phase_and_place_are_told_apart(tmp_path):
    data = tones(240)
    found = choice(data)
    assert found.model == "mel-resnet"
    assert [one.model.split(":")[0] for one in candidates(found)] == ["mel-resnet"] * 4
    model, options = "mel-resnet:width=8,n_mels=20", {"seed": 0, "yardstick": "none"}
    run = cg.train(model, data, epochs=8, folder=tmp_path / "a", **options)
    plain = cg.train(model, data, epochs=1, optimizer="sgd:lr=0", folder=tmp_path / "b", **options)
    assert cg.evaluate(run, data).metrics["accuracy"] > 0.9
    assert cg.evaluate(plain, data).metrics["accuracy"] < 0.6
    x = data.test.inputs
    heard = run.model.model
    torch.testing.assert_close(heard(x), heard(-x), rtol=1e-4, atol=1e-5)


def test_too_few_samples_a_second_are_refused_or_chosen_otherwise():
    with pytest.raises(UsageError, match="expected at least 320 a second"):
        MelResNet(classes=2, sample_rate=200)
