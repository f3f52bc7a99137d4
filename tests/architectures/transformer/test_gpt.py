"""GPT against transformers, its decoder against itself, and the papers' counts."""

import pytest
import torch

from cartograd.architectures.pretrained.hf import hf
from cartograd.architectures.transformer.gpt import GPT
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.files import write_manifest
from cartograd.core.ports import Port, Signature
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.engine.files.tensor_files import load_into, read_tensors, write_tensors
from tests.architectures.transformer.published import (
    changed,
    compared,
    ours,
    same_file,
    saved,
    states,
)
from tests.reference import Reference

transformers = Reference("transformers")

SIZES = {"n_embd": 16, "n_head": 2, "n_layer": 2, "vocab_size": 23, "n_positions": 12}
NO_ENDS = {"bos_token_id": None, "eos_token_id": None}


def reference(kind, path):
    if kind == "gpt2":
        config = transformers.GPT2Config(**SIZES, **NO_ENDS, attn_implementation="eager")
        return saved(transformers.GPT2LMHeadModel(config), path)
    config = transformers.OpenAIGPTConfig(**SIZES)
    return saved(transformers.OpenAIGPTLMHeadModel(config), path)


@pytest.mark.oracle("gpt")
@pytest.mark.parametrize("kind", ["gpt2", "openai-gpt"])
def test_equals_transformers(kind, tmp_path):
    theirs = reference(kind, tmp_path)
    mine = ours(tmp_path)
    tokens = torch.randint(23, (2, 9))
    expected = theirs(tokens, output_hidden_states=True)
    seen = states(mine.model.blocks)
    answer = mine(tokens)
    for one, other in zip(seen[:-1], expected.hidden_states[1:-1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    last = mine.model.hidden(tokens)
    torch.testing.assert_close(last, expected.hidden_states[-1], rtol=1e-10, atol=1e-10)
    token, place = ("wte", "wpe") if kind == "gpt2" else ("tokens_embed", "positions_embed")
    pairs = [
        (f"transformer.{token}.weight", "model.tokens.weight"),
        (f"transformer.{place}.weight", "model.positions.weight"),
        ("transformer.h.1.mlp.c_fc.weight", "model.blocks.1.feed_forward.up.weight"),
        ("transformer.h.0.ln_1.weight", "model.blocks.0.attention_norm.weight"),
    ]
    same_file(tmp_path, mine, "transformer.")
    compared(theirs, mine, answer, expected.logits, pairs)


def test_another_form_is_refused(tmp_path):
    reference("gpt2", tmp_path)
    with pytest.raises(UsageError, match="scale_attn_by_inverse_layer_idx=true is a form of gpt2"):
        hf(changed(tmp_path, scale_attn_by_inverse_layer_idx=True))


@pytest.mark.paper("gpt")
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("gpt1", 116_534_784),
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
    ],
)
def test_counts(name, count):
    with torch.device("meta"):
        assert sum(weight.numel() for weight in build(name).parameters()) == count


def tiny(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary": 23, "context": 16, "dim": 16, "heads": 2, "depth": 2}
    return GPT(**sizes | options).eval()


KINDS = [
    {"positions": "learned"}, {"positions": "sinusoidal"}, {"positions": "rotary"},
    {"positions": "alibi"}, {"order": "post"},
]  # fmt: skip


@pytest.mark.law("gpt")
def test_tokens_are_as_loud_as_sinusoids():
    """At a spread of 0.02 they were a thirtieth of them, and a small model learned nothing."""
    model = GPT(vocabulary=500, dim=32, heads=2, depth=1, positions="sinusoidal", dropout=0.0)
    heard = []
    model.blocks[0].register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    tokens = torch.randint(500, (4, 20))
    with torch.inference_mode():
        model(tokens)
    waves = model.positions(torch.arange(20))
    added = heard[0] - waves
    assert 0.5 < float(added.norm() / waves.expand_as(added).norm()) < 2
    torch.testing.assert_close(added, 32**0.5 * model.tokens(tokens).detach())


def test_weights_learned_beside_louder_sinusoids_are_refused_by_name(tmp_path):
    """Their state has no scale: a bundle and a checkpoint alike are told what they are."""
    model = tiny(positions="sinusoidal")
    old = {name: weight for name, weight in model.state_dict().items() if name != "scale"}
    with pytest.raises(UsageError, match=r"^old is of a GPT that added sinusoids .* trained anew$"):
        load_into(model, old, "old")
    text = Port("text", "text", ("t",), "int64", bounds=(0, 22))
    token = Port("token", "label", ("t", 23), task="next-token")
    spec = "gpt:dim=16,heads=2,depth=2,positions=sinusoidal"
    bundle = write_bundle(tmp_path / "b", build(spec, signature=Signature((text,), (token,))))
    assert load(bundle).model.model.scale == 4
    state = read_tensors(bundle / "weights.safetensors")
    write_tensors(bundle / "weights.safetensors", {x: state[x] for x in state if x != "scale"})
    write_manifest(bundle)
    with pytest.raises(UsageError, match=r"b is of a GPT that added sinusoids .* trained anew$"):
        load(bundle)
    assert "scale" not in tiny().state_dict()


@pytest.mark.law("gpt")
@pytest.mark.parametrize("options", KINDS, ids=str)
def test_what_comes_later_changes_nothing(options):
    model, tokens = tiny(**options), torch.randint(23, (2, 9))
    before = model(tokens)
    tokens[:, 5:] = 3
    after = model(tokens)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.equal(before[:, 5:], after[:, 5:])


@pytest.mark.law("gpt")
@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_decoder_says_what_the_whole_text_says(options):
    model, tokens = tiny(**options), torch.randint(23, (3, 9))
    whole = model(tokens)
    decoder = model.decoder(3, 9)
    pieces = [decoder.read(part) for part in tokens.split([4, 1, 3, 1], 1)]
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-6, atol=1e-6)
    decoder.rewind(4)
    torch.testing.assert_close(decoder.read(tokens[:, 4:6], last=True), whole[:, 5:6])
    rows = torch.tensor([2, 0])
    decoder.reorder(rows)
    torch.testing.assert_close(decoder.read(tokens[rows, 6:]), whole[rows, 6:])


@pytest.mark.law("gpt")
@pytest.mark.parametrize("options", KINDS, ids=str)
def test_left_padding_changes_nothing(options):
    model = tiny(**options)
    rows = [torch.randint(23, (1, n)) for n in (5, 2, 4)]
    starts = torch.tensor([0, 3, 1])
    padded = torch.cat(
        [torch.nn.functional.pad(row, (5 - row.shape[1], 0), value=7) for row in rows]
    )
    decoder = model.decoder(3, 9, starts=starts)
    last = decoder.read(padded, last=True)
    more = torch.randint(23, (3, 2))
    later = torch.cat([decoder.read(more[:, :1]), decoder.read(more[:, 1:])], 1)
    for i, row in enumerate(rows):
        alone = model(torch.cat([row, more[i : i + 1]], 1))
        torch.testing.assert_close(last[i, 0], alone[0, -3], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(later[i], alone[0, -2:], rtol=1e-5, atol=1e-6)


def test_a_text_longer_than_the_context():
    with pytest.raises(UsageError, match="17 tokens are more than the 16"):
        tiny()(torch.zeros(1, 17, dtype=torch.int64))
    decoder = tiny().decoder(1, 20)
    decoder.read(torch.zeros(1, 16, dtype=torch.int64))
    with pytest.raises(UsageError, match="17 tokens are more than the 16"):
        decoder.read(torch.zeros(1, 1, dtype=torch.int64))
    assert tiny(positions="alibi")(torch.zeros(1, 17, dtype=torch.int64)).shape == (1, 17, 23)
