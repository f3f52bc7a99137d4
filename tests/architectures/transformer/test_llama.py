from importlib import import_module

import pytest
import torch

from cartograd.architectures.decoding.generate import generate, left_padded
from cartograd.architectures.pretrained.hf import described, hf
from cartograd.architectures.pretrained.published_config import settled
from cartograd.architectures.transformer.llama import LLaMA
from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.key_map_inverse import written
from tests.reference import Reference

transformers = Reference("transformers")


SMALL = {
    "vocab_size": 37, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None, "initializer_range": 0.3,
}  # fmt: skip

FORMS = {
    "plain": ("Llama", {}),
    "no groups, tied": ("Llama", {"num_key_value_heads": 4, "tie_word_embeddings": True}),
    "biases": ("Llama", {"attention_bias": True}),
    "linear": ("Llama", {"rope_parameters": {
        "rope_type": "linear", "rope_theta": 1e4, "factor": 4.0,
    }}),
    "llama3": ("Llama", {"rope_parameters": {
        "rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 16,
    }}),
    "yarn": ("Llama", {"rope_parameters": {
        "rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0,
        "original_max_position_embeddings": 16,
    }}),
    "window": ("Mistral", {"sliding_window": 5}),
    "own heads": ("Mistral", {"head_dim": 6, "sliding_window": None}),
    "qwen": ("Qwen2", {"tie_word_embeddings": True, "rms_norm_eps": 1e-6}),
}  # fmt: skip

PUBLISHED = {
    "llama-7b": 6_738_415_616,
    "llama-13b": 13_015_864_320,
    "llama-33b": 32_528_943_616,
    "llama-65b": 65_285_660_672,
    "llama-2-70b": 68_976_648_192,
    "llama-3-8b": 8_030_261_248,
    "llama-3.2-1b": 1_235_814_400,
    "mistral-7b": 7_241_732_096,
    "qwen2.5-0.5b": 494_032_768,
    "smollm2-135m": 134_515_008,
}
"""Weights of published models. Looked up, all ten: as programs quote them that read the files."""


def pair(form, folder):
    """Their model with random weights, and ours read from the folder that it was saved to."""
    family, more = FORMS[form]
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**SMALL | more)
    theirs = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    for name, weight in theirs.named_parameters():
        if "bias" in name or "norm" in name:
            torch.nn.init.normal_(weight, mean=float("norm" in name), std=0.3)
    theirs.save_pretrained(folder)
    return exact(theirs.double()), hf(folder).model.double()


def exact(theirs):
    """Their model with torch's norms: its own round to float32."""
    for part in list(theirs.modules()):
        for name, norm in part.named_children():
            if type(norm).__name__.endswith("RMSNorm"):
                own = torch.nn.RMSNorm(norm.weight.shape, eps=norm.variance_epsilon)
                own.weight = norm.weight
                setattr(part, name, own)
    return theirs


@pytest.mark.oracle("llama")
@pytest.mark.parametrize("form", FORMS)
def test_equals_transformers_with_gradients(form, tmp_path):
    theirs, ours = pair(form, tmp_path)
    assert sum(w.numel() for w in ours.parameters()) == theirs.num_parameters()
    tokens = torch.randint(37, (2, 20))
    z, expected = ours(tokens), theirs(tokens).logits
    torch.testing.assert_close(z, expected, rtol=0, atol=1e-10)
    weights = torch.randn_like(z)
    (z * weights).sum().backward()
    (expected * weights).sum().backward()
    gradients = {name: weight.grad for name, weight in theirs.named_parameters()}
    mine = {
        "embedding.weight": "model.embed_tokens.weight",
        "norm.weight": "model.norm.weight",
        "blocks.1.attention.key.weight": "model.layers.1.self_attn.k_proj.weight",
        "blocks.0.attention.out.weight": "model.layers.0.self_attn.o_proj.weight",
        "blocks.0.feed_forward.gate.weight": "model.layers.0.mlp.gate_proj.weight",
        "blocks.1.feed_forward_norm.weight": "model.layers.1.post_attention_layernorm.weight",
    }
    total = sum(w.grad.square().sum() for w in ours.parameters())
    other = sum(grad.square().sum() for grad in gradients.values())
    torch.testing.assert_close(total, other, rtol=1e-10, atol=0)
    for name, source in mine.items():
        found = ours.get_parameter(name).grad
        torch.testing.assert_close(found, gradients[source], rtol=1e-10, atol=1e-10)


@pytest.mark.oracle("llama")
@pytest.mark.parametrize("form", ["plain", "qwen"])
def test_goes_back_to_their_names(form, tmp_path):
    _, ours = pair(form, tmp_path)
    family, config, file = described(tmp_path)
    back = written(ours.state_dict(), family.KEYS(config), source="a folder")
    assert set(back) == set(file)
    assert all(torch.equal(back[name], tensor.double()) for name, tensor in file.items())


@pytest.mark.paper("llama")
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes(name):
    with torch.device("meta"):
        model = build(name)
    assert sum(weight.numel() for weight in model.parameters()) == PUBLISHED[name]
    assert set(registry.find("llama")[0].presets) == set(PUBLISHED)


def model(**args):
    torch.manual_seed(0)
    size = {"vocabulary": 37, "dim": 32, "depth": 2, "heads": 4, "kv_heads": 2, "ffn_dim": 40}
    made = LLaMA(**size | {"context": 64} | args).eval()
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return made


@pytest.mark.law("llama")
@pytest.mark.parametrize("window", [None, 4])
@pytest.mark.parametrize("pieces", [[1] * 20, [7, 1, 1, 5, 6], [20], [3, 17]])
@torch.no_grad()
def test_read_in_pieces_it_is_the_same(window, pieces):
    ours = model(window=window)
    tokens = torch.randint(37, (3, 20))
    decoder = ours.decoder(3, 20)
    z = torch.cat([decoder.read(piece) for piece in tokens.split(pieces, 1)], 1)
    whole = ours(tokens)
    assert (z - whole).abs().max() <= 1e-6 * whole.abs().max()


@pytest.mark.law("llama")
@pytest.mark.parametrize("window", [None, 4])
@torch.no_grad()
def test_padding_at_the_left_changes_nothing(window):
    ours = model(window=window)
    prompts = [torch.randint(37, (n,)).tolist() for n in (9, 1, 4)]
    tokens, starts = left_padded(prompts)
    decoder = ours.decoder(3, 30, starts=starts)
    first = decoder.read(tokens)[:, -1]
    for row, prompt in enumerate(prompts):
        alone = ours(torch.tensor([prompt]))[0, -1]
        assert (first[row] - alone).abs().max() <= 1e-6 * alone.abs().max()
    batch = generate(ours.decoder(3, 30, starts=starts), tokens, starts, length=20, stop=(3, 4))
    single = [
        generate(ours.decoder(1, 30), torch.tensor([prompt]), length=20, stop=(3, 4))[0]
        for prompt in prompts
    ]
    assert batch == single


@pytest.mark.law("llama")
@torch.no_grad()
def test_rewinds_and_reorders():
    ours = model()
    tokens = torch.randint(37, (2, 12))
    decoder = ours.decoder(2, 12)
    decoder.read(tokens)
    decoder.rewind(5)
    decoder.reorder(torch.tensor([1, 1, 0]))
    z = decoder.read(tokens[[1, 1, 0], 5:])
    whole = ours(tokens)[[1, 1, 0], 5:]
    assert (z - whole).abs().max() <= 1e-6 * whole.abs().max()


def test_greedy_text_is_that_of_transformers(tmp_path):
    theirs, ours = pair("llama3", tmp_path)
    prompt = torch.randint(3, 37, (1, 5))
    expected = theirs.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=20, do_sample=False,
        pad_token_id=0,
    )  # fmt: skip
    found = generate(ours.decoder(1, 30), prompt, length=20, stop=(2,))
    assert found[0] == expected[0, 5:].tolist()


def test_positions_by_length_are_left_to_the_decoder():
    with pytest.raises(UsageError, match=r"dynamic.* follows the length; a `decoder` can"):
        model(scaling="dynamic:factor=2,context=8")


def test_longer_than_its_context():
    ours = model(context=8)
    ours(torch.zeros(1, 8, dtype=torch.int64))
    for ask in (lambda: ours(torch.zeros(1, 9, dtype=torch.int64)), lambda: ours.decoder(1, 9)):
        with pytest.raises(UsageError, match="9 tokens are more than this model's context of 8"):
            ask()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "gelu"}, 'hidden_act="gelu"'),
        (
            {"rope_parameters": {"rope_type": "proportional"}},
            'rope_type="proportional": such rotary positions are not known',
        ),
    ],
)
def test_a_configuration_that_is_not_ours(change, message):
    with pytest.raises(UsageError, match=message):
        spec_of("llama", **change)


def spec_of(family, **change):
    """Our spec for a configuration."""
    known = import_module(f"cartograd.architectures.pretrained.hf_{family}")
    return known.spec(settled(SMALL | {"model_type": family} | change, known.READS))


def test_older_configurations():
    old = {"rope_theta": 5e4, "rope_scaling": {"type": "linear", "factor": 2.0}}
    made = spec_of("qwen2", sliding_window=9, **old)
    assert made.args["base"] == 5e4
    assert made.args["scaling"] == "linear:factor=2.0"
    assert made.args["biases"] == "qkv"
    assert "window" not in made.args
    assert spec_of("mistral", sliding_window=9).args["window"] == 9
    assert spec_of("mistral").args["window"] == 4096  # as their class says where the file does not
