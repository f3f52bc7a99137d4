import pytest
import torch

from cartograd.architectures.decoding.generate import generate, left_padded
from cartograd.architectures.transformer.inference_form import InferenceForm
from cartograd.architectures.transformer.llama import LLaMA
from cartograd.core.errors import UsageError

FORMS = {
    "plain": {},
    "groups": {"kv_heads": 2},
    "biases": {"kv_heads": 2, "biases": "qkv"},
    "all biases": {"biases": "qkvo"},
    "untied": {"tied": False},
    "window": {"window": 4},
    "yarn": {"scaling": "yarn:factor=4,context=16"},
}


def model(**args):
    torch.manual_seed(0)
    size = {"vocabulary": 37, "dim": 32, "depth": 3, "heads": 4, "ffn_dim": 40, "tied": True}
    made = LLaMA(**size | {"context": 64} | args).eval()
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return made


def inference_form(full):
    def product(weight, bias):
        return lambda x: torch.nn.functional.linear(x, weight, bias)

    return InferenceForm(full, product)


def close(found, expected):
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pieces", [[1] * 12, [5, 1, 1, 4, 1], [12]])
@torch.no_grad()
def test_is_the_same_function(form, pieces):
    full = model(**FORMS[form])
    quick = inference_form(full)
    for rows in (1, 3):
        tokens = torch.randint(37, (rows, 12))
        decoder = quick.decoder(rows, 12)
        z = torch.cat([decoder.read(piece) for piece in tokens.split(pieces, 1)], 1)
        close(z, full(tokens))
        decoder = quick.decoder(rows, 12)
        close(decoder.read(tokens, last=True), full(tokens)[:, -1:])


@torch.no_grad()
def test_rewinds_and_reorders():
    full = model(kv_heads=2)
    decoder, tokens = inference_form(full).decoder(2, 12), torch.randint(37, (2, 12))
    decoder.read(tokens)
    decoder.reorder(torch.tensor([1]))
    decoder.rewind(4)
    found = torch.cat([decoder.read(tokens[1:, i : i + 1]) for i in range(4, 12)], 1)
    close(found, full(tokens)[1:, 4:])
    decoder.rewind(4)
    decoder.reorder(torch.tensor([0, 0, 0]))
    close(decoder.read(tokens[[1, 1, 1], 4:]), full(tokens)[[1, 1, 1], 4:])


@pytest.mark.parametrize("form", ["groups", "window"])
@torch.no_grad()
def test_padding_at_the_left_changes_nothing(form):
    full = model(**FORMS[form])
    quick = inference_form(full)
    prompts = [torch.randint(37, (n,)).tolist() for n in (9, 1, 4)]
    tokens, starts = left_padded(prompts)
    batch = generate(quick.decoder(3, 30, starts=starts), tokens, starts, length=20, stop=(3, 4))
    for prompt, found in zip(prompts, batch, strict=True):
        alone = torch.tensor([prompt])
        assert generate(quick.decoder(1, 30), alone, length=20, stop=(3, 4))[0] == found
        assert generate(full.decoder(1, 30), alone, length=20, stop=(3, 4))[0] == found


def test_room_ends_with_what_was_asked_for():
    quick = inference_form(model())
    decoder = quick.decoder(1, 2)
    decoder.read(torch.zeros(1, 2, dtype=torch.int64))
    with pytest.raises(UsageError, match="3 tokens do not fit into a memory of 2"):
        decoder.read(torch.zeros(1, 1, dtype=torch.int64))
    with pytest.raises(UsageError, match="context of 64"):
        quick.decoder(1, 65)


def test_the_model_stays_as_it_is():
    full = model()
    before = {name: value.clone() for name, value in full.state_dict().items()}
    generate(inference_form(full).decoder(1, 9), torch.zeros(1, 1, dtype=torch.int64), length=8)
    assert all(torch.equal(value, before[name]) for name, value in full.state_dict().items())


@torch.no_grad()
def test_a_rounded_cache_is_that_of_the_model():
    """By the short way of one token, too."""
    full = model(kv_heads=2)
    quick, tokens = inference_form(full), torch.randint(37, (1, 12))
    expected = full.decoder(1, 12)
    expected.in_int8()
    z = expected.read(tokens)
    for pieces in ([1] * 12, [5, 1, 1, 4, 1]):
        decoder = quick.decoder(1, 12)
        decoder.in_int8()
        found = torch.cat([decoder.read(piece) for piece in tokens.split(pieces, 1)], 1)
        assert (found - z).norm() <= 0.02 * z.norm()  # a number between two may go to either
        assert decoder.length == 12
