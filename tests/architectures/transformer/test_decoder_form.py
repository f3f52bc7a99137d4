"""The inference form of a decoder is the same function, whatever the family has chosen."""

import pytest
import torch

from cartograd.architectures.decoding.generate import generate, left_padded
from cartograd.architectures.transformer.decoder import Decoder
from cartograd.architectures.transformer.decoder_form import DecoderForm
from cartograd.core.errors import UsageError

MOE = {"experts": 4, "k": 2}
FORMS = {
    "qwen3": {"qk_norm": "head", "head_dim": 6},
    "gemma2": {"order": "sandwich", "activation": "geglu", "reach": "wf", "attention_cap": 2.0,
               "output_cap": 3.0, "scale": 0.2, "embedding_scale": 4.0, "tied": True},
    "gemma3": {"order": "sandwich", "qk_norm": "head", "reach": "wwf", "local_base": 500.0},
    "phi3": {"reach": "w"},
    "phi4": {"share": 0.5, "scaling": "longrope:factor=4,context=9,short=[1,2],long=[2,5]"},
    "smollm3": {"reach": "fmn", "biases": "qkvo"},
    "olmo2": {"qk_norm": "all", "order": "reordered"},
    "dynamic": {"scaling": "dynamic:factor=4,context=9"},
    "mixtral": MOE | {"reach": "w"},
    "qwen3, experts": MOE | {"qk_norm": "head", "normalised": False},
    "single parts": MOE | {"mixture": "de", "dense_dim": 24},
    "gpt-oss": MOE | {"reach": "wf", "activation": "clamped", "attention_sinks": True,
                      "biases": "qkvo", "scaling": "yarn:factor=4,context=16"},
}  # fmt: skip
"""What each family has that others have not."""


def model(**args):
    torch.manual_seed(0)
    size = {"vocabulary": 37, "dim": 32, "depth": 3, "heads": 4, "kv_heads": 2, "ffn_dim": 40}
    made = Decoder(**size | {"context": 64, "window": 4} | args).eval()
    for name, weight in made.named_parameters():
        torch.nn.init.normal_(weight, mean=float("norm" in name or "after" in name), std=0.3)
    return made


def inference_form(full):
    def product(weight, bias):
        return lambda x: torch.nn.functional.linear(x, weight, bias)

    return full.inference_form(product)


def close(found, expected):
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.law("decoder")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pieces", [[1] * 12, [5, 1, 1, 4, 1], [12]])
@torch.no_grad()
def test_is_the_same_function(form, pieces):
    full = model(**FORMS[form])
    quick = inference_form(full)
    assert isinstance(quick, DecoderForm)
    for rows in (1, 3):
        tokens = torch.randint(37, (rows, 12))
        plain, decoder = full.decoder(rows, 12), quick.decoder(rows, 12)
        for piece in tokens.split(pieces, 1):
            close(decoder.read(piece), plain.read(piece))
        decoder = quick.decoder(rows, 12)
        close(decoder.read(tokens, last=True), full(tokens)[:, -1:])


@pytest.mark.law("decoder")
@pytest.mark.parametrize("form", ["gemma2", "gemma3", "gpt-oss"])
@torch.no_grad()
def test_rewinds_and_reorders(form):
    full = model(**FORMS[form])
    decoder, tokens = inference_form(full).decoder(2, 12), torch.randint(37, (2, 12))
    decoder.read(tokens)
    decoder.reorder(torch.tensor([1]))
    decoder.rewind(4)
    found = torch.cat([decoder.read(tokens[1:, i : i + 1]) for i in range(4, 12)], 1)
    close(found, full(tokens)[1:, 4:])
    decoder.rewind(4)
    decoder.reorder(torch.tensor([0, 0, 0]))
    close(decoder.read(tokens[[1, 1, 1], 4:]), full(tokens)[[1, 1, 1], 4:])


@pytest.mark.law("decoder")
@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_padding_at_the_left_changes_nothing(form):
    full = model(**FORMS[form])
    quick = inference_form(full)
    prompts = [torch.randint(37, (n,)).tolist() for n in (9, 1, 4)]
    tokens, starts = left_padded(prompts)
    plain, batch = (
        generate(one.decoder(3, 30, starts=starts), tokens, starts, length=20, stop=(3, 4))
        for one in (full, quick)
    )
    assert batch == plain


@pytest.mark.parametrize("form", ["qwen3", "gemma2", "mixtral"])
@torch.no_grad()
def test_a_rounded_cache_is_that_of_the_model(form):
    full = model(**FORMS[form])
    quick, tokens = inference_form(full), torch.randint(37, (1, 12))
    expected = full.decoder(1, 12)
    expected.in_int8()
    z = expected.read(tokens)
    for pieces in ([1] * 12, [5, 1, 1, 4, 1]):
        decoder = quick.decoder(1, 12)
        decoder.in_int8()
        found = torch.cat([decoder.read(piece) for piece in tokens.split(pieces, 1)], 1)
        assert (found - z).norm() <= 0.02 * z.norm()


@pytest.mark.parametrize("form", ["gemma3", "smollm3"])
@torch.no_grad()
def test_keys_are_moved_as_those_of_the_model(form):
    """As a text without an end needs: what has been read is three positions later."""
    full = model(**FORMS[form])
    quick, tokens = inference_form(full), torch.randint(37, (1, 8))
    answers = []
    for one in (full, quick):
        decoder = one.decoder(1, 20)
        decoder.read(tokens)
        cache = decoder.cache
        keys = cache.all[:, :, :2].clone()
        cache.all[:, :, :2] = decoder.moved(keys, 3)
        cache.ahead = 3
        answers.append(decoder.read(tokens[:, :2]))
    close(*answers)


def test_room_ends_with_what_was_asked_for():
    quick = inference_form(model())
    decoder = quick.decoder(1, 2)
    decoder.read(torch.zeros(1, 2, dtype=torch.int64))
    with pytest.raises(UsageError, match="3 tokens do not fit into a memory of 2"):
        decoder.read(torch.zeros(1, 1, dtype=torch.int64))
    with pytest.raises(UsageError, match="context of 64"):
        quick.decoder(1, 65)


def test_the_model_stays_as_it_is():
    full = model(**FORMS["gpt-oss"])
    before = {name: value.clone() for name, value in full.state_dict().items()}
    generate(inference_form(full).decoder(1, 9), torch.zeros(1, 1, dtype=torch.int64), length=8)
    assert all(torch.equal(value, before[name]) for name, value in full.state_dict().items())


def test_an_odd_head_keeps_the_plain_way():
    """Pairs of features are turned as complex numbers, and a share may leave one over."""
    full = model(head_dim=5, share=0.4)
    assert inference_form(full) is full
