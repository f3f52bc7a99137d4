"""Whisper against transformers', its memory against the full pass, and its sizes."""

import numpy as np
import pytest
import torch

from cartograd.architectures.pretrained.hf import hf
from cartograd.architectures.speech.whisper import Whisper
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.reference import Reference

reference_transformers = Reference("transformers")

SIZES = {
    "vocab_size": 30, "d_model": 16, "encoder_layers": 2, "decoder_layers": 2,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64, "max_source_positions": 20, "max_target_positions": 12,
    "num_mel_bins": 10, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "decoder_start_token_id": 1, "dropout": 0.0,
}  # fmt: skip


def sound(rows=2, samples=6400):
    return torch.randn(rows, 1, samples, generator=torch.Generator().manual_seed(1)).double() / 4


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Transformers' tiny model, and ours read from the folder that it wrote."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("whisper")
    theirs = reference_transformers.WhisperForConditionalGeneration(
        reference_transformers.WhisperConfig(**SIZES)
    ).eval()
    for parameter in theirs.parameters():  # biases start at zero
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn_like(parameter)
    theirs.save_pretrained(folder)
    return theirs.double(), hf(folder).model.double()


@pytest.mark.oracle("whisper")
def test_equal_to_transformers(pair):
    theirs, ours = pair
    tokens = torch.randint(1, 30, (2, 7), generator=torch.Generator().manual_seed(0))
    expected = theirs(
        input_features=ours.features(sound()), decoder_input_ids=tokens, use_cache=False
    ).logits
    logits = ours(sound(), tokens)
    torch.testing.assert_close(logits, expected, rtol=1e-10, atol=1e-10)
    weight = torch.randn_like(logits)
    named = {
        "listener.conv1.weight": "model.encoder.conv1.weight",
        "listener.blocks.0.attention.key.weight": "model.encoder.layers.0.self_attn.k_proj.weight",
        "listener.blocks.1.feed_forward.up.bias": "model.encoder.layers.1.fc1.bias",
        "writer.embed.weight": "model.decoder.embed_tokens.weight",
        "writer.positions.weight": "model.decoder.embed_positions.weight",
        "writer.blocks.0.cross.value.bias": "model.decoder.layers.0.encoder_attn.v_proj.bias",
        "writer.norm.weight": "model.decoder.layer_norm.weight",
    }
    own, other = dict(ours.named_parameters()), dict(theirs.named_parameters())
    mine = torch.autograd.grad((logits * weight).sum(), [own[name] for name in named])
    reference = torch.autograd.grad(
        (expected * weight).sum(), [other[name] for name in named.values()]
    )
    for one, two in zip(mine, reference, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-10)


@pytest.mark.oracle("whisper")
def test_it_hears_as_the_feature_extractor_does():
    x = sound(1, 30000).float() / 3
    theirs = reference_transformers.WhisperFeatureExtractor()(x[0, 0].numpy(), sampling_rate=16000)[
        "input_features"
    ]
    full = torch.nn.functional.pad(x, (0, 480000 - 30000))
    with torch.device("meta"):
        model = Whisper()
    model.mel = type(model.mel)(n_mels=80)
    np.testing.assert_allclose(model.features(full).numpy(), theirs, rtol=0, atol=1e-5)


@pytest.mark.law("whisper")
@torch.inference_mode()
def test_token_by_token_it_is_the_same(pair):
    _, model = pair
    tokens = torch.randint(30, (2, 6), generator=torch.Generator().manual_seed(0))
    full = model(sound(), tokens)
    writing = model.decoder(sound(), 12)
    torch.testing.assert_close(writing.read(tokens[:, :2]), full[:, :2], rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(
        writing.read(tokens[:, 2:3], last=True), full[:, 2:3], rtol=1e-9, atol=1e-10
    )
    writing.read(torch.zeros(2, 2, dtype=torch.int64))
    writing.rewind(3)
    writing.reorder(torch.tensor([1, 1, 0]))
    rest = writing.read(tokens[[1, 1, 0], 3:])
    torch.testing.assert_close(rest, full[[1, 1, 0], 3:], rtol=1e-9, atol=1e-10)
    assert writing.length == 6


@torch.inference_mode()
def test_a_shorter_sound_is_filled_up_for_writing(pair):
    _, model = pair
    short = sound()[:, :, :4000]
    full = torch.nn.functional.pad(short, (0, 2400))
    tokens = torch.tensor([[1, 5], [1, 7]])
    torch.testing.assert_close(model.decoder(short, 4).read(tokens), model(full, tokens))


@pytest.mark.paper("whisper")
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("whisper-tiny", 37_760_640), ("whisper", 72_593_920), ("whisper-small", 241_734_912),
        ("whisper-medium", 763_857_920), ("whisper-large", 1_543_304_960),
    ],
)  # fmt: skip
def test_parameters(name, parameters):
    with torch.device("meta"):
        model = build(name)
    own = sum(p.numel() for p in model.parameters())
    assert own + model.listener.positions.numel() == parameters


def test_what_does_not_fit_is_told(pair):
    _, model = pair
    for samples in (10, 6401):
        with pytest.raises(UsageError, match=r"expected at most 0.4 s, and 0.02 s at least"):
            model(sound(1, samples), torch.zeros(1, 1, dtype=torch.int64))
    with pytest.raises(UsageError, match="13 tokens; expected at most 12"):
        model(sound(1), torch.zeros(1, 13, dtype=torch.int64))
    with pytest.raises(UsageError, match="13 tokens; expected at most 12"):
        model.decoder(sound(1), 13)
