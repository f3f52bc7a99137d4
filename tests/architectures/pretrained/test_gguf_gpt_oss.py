"""GGUF files of gpt-oss: transformers' model with the numbers that the package `gguf` reads."""

import gguf as reference
import numpy as np
import pytest
import torch

from cartograd.architectures.pretrained.gguf import gguf
from cartograd.core.errors import UsageError
from cartograd.data.gguf.reader import GGUF
from cartograd.data.gguf.tokenizer import tokenizer_of
from tests.architectures.pretrained.test_gguf import put, words
from tests.architectures.transformer.test_decoder import exact_norms
from tests.reference import Reference

transformers = Reference("transformers")

FOUR_BITS = reference.GGMLQuantizationType.MXFP4
D, HEADS, GROUPS, WIDTH, FFN, EXPERTS, DEPTH = 64, 4, 2, 16, 32, 3, 3
SAID = {
    "block_count": DEPTH, "context_length": 64, "embedding_length": D, "feed_forward_length": FFN,
    "attention.head_count": HEADS, "attention.head_count_kv": GROUPS, "rope.freq_base": 1.5e5,
    "attention.key_length": WIDTH, "attention.value_length": WIDTH,
    "attention.layer_norm_rms_epsilon": 1e-5, "attention.sliding_window": 5,
    "expert_count": EXPERTS, "expert_used_count": 2, "expert_feed_forward_length": FFN,
}  # fmt: skip
YARN = {
    "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
    "rope.scaling.original_context_length": 16,
}  # fmt: skip
LAYER = {
    "attn_norm.weight": (D,), "post_attention_norm.weight": (D,), "attn_sinks.weight": (HEADS,),
    "attn_q.weight": (HEADS * WIDTH, D), "attn_q.bias": (HEADS * WIDTH,),
    "attn_k.weight": (GROUPS * WIDTH, D), "attn_k.bias": (GROUPS * WIDTH,),
    "attn_v.weight": (GROUPS * WIDTH, D), "attn_v.bias": (GROUPS * WIDTH,),
    "attn_output.weight": (D, HEADS * WIDTH), "attn_output.bias": (D,),
    "ffn_gate_inp.weight": (EXPERTS, D), "ffn_gate_inp.bias": (EXPERTS,),
    "ffn_gate_exps.weight": (EXPERTS, FFN, D), "ffn_gate_exps.bias": (EXPERTS, FFN),
    "ffn_up_exps.weight": (EXPERTS, FFN, D), "ffn_up_exps.bias": (EXPERTS, FFN),
    "ffn_down_exps.weight": (EXPERTS, D, FFN), "ffn_down_exps.bias": (EXPERTS, D),
}  # fmt: skip
NAMES = {
    "attn_norm.weight": "input_layernorm.weight", "attn_sinks.weight": "self_attn.sinks",
    "post_attention_norm.weight": "post_attention_layernorm.weight",
    "ffn_gate_inp.weight": "mlp.router.weight", "ffn_gate_inp.bias": "mlp.router.bias",
} | {
    f"attn_{ours}.{end}": f"self_attn.{theirs}_proj.{end}"
    for ours, theirs in (("q", "q"), ("k", "k"), ("v", "v"), ("output", "o"))
    for end in ("weight", "bias")
}  # fmt: skip


def toy(path, **values):
    """A file as llama.cpp's converter writes it, with random weights."""
    writer = reference.GGUFWriter(path, "gpt-oss")
    tokens, merges = words()
    for name, value in (SAID | values).items():
        if value is not None:
            put(writer, f"gpt-oss.{name}", value)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-4o")
    writer.add_token_list(tokens)
    writer.add_token_merges(merges)
    writer.add_token_types([3] * 3 + [1] * (len(tokens) - 3))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    shapes = {"token_embd.weight": (len(tokens), D), "output.weight": (len(tokens), D)}
    shapes |= {"output_norm.weight": (D,)}
    for i in range(DEPTH):
        shapes |= {f"blk.{i}.{name}": shape for name, shape in LAYER.items()}
    draw = np.random.default_rng(0)
    for name, shape in shapes.items():
        numbers = (draw.normal(size=shape) / 4 + ("norm" in name)).astype(np.float32)
        if "_exps.weight" in name:
            writer.add_tensor(
                name, reference.quants.quantize(numbers, FOUR_BITS), raw_dtype=FOUR_BITS
            )
        else:
            writer.add_tensor(name, numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def theirs(path, **more):
    """Their model, with each tensor of the file where it belongs."""
    found = {
        one.name: torch.tensor(np.array(reference.quants.dequantize(one.data, one.tensor_type)))
        for one in reference.GGUFReader(path).tensors
    }
    config = transformers.GptOssConfig(
        vocab_size=len(words()[0]), hidden_size=D, num_hidden_layers=DEPTH, head_dim=WIDTH,
        num_attention_heads=HEADS, num_key_value_heads=GROUPS, intermediate_size=FFN,
        num_local_experts=EXPERTS, num_experts_per_tok=2, sliding_window=5,
        max_position_embeddings=64, rms_norm_eps=1e-5, **more,
    )  # fmt: skip
    config._attn_implementation, config._experts_implementation = "eager", "eager"
    state = {
        "model.embed_tokens.weight": found["token_embd.weight"],
        "model.norm.weight": found["output_norm.weight"], "lm_head.weight": found["output.weight"],
    }  # fmt: skip
    for i in range(DEPTH):
        own = {name: found[f"blk.{i}.{name}"] for name in LAYER}
        layer = {NAMES[name]: own[name] for name in NAMES}
        both = [own[f"ffn_{part}_exps.weight"] for part in ("gate", "up")]
        layer["mlp.experts.gate_up_proj"] = torch.stack(both, 2).flatten(1, 2).mT
        biases = [own[f"ffn_{part}_exps.bias"] for part in ("gate", "up")]
        layer["mlp.experts.gate_up_proj_bias"] = torch.stack(biases, 2).flatten(1)
        layer["mlp.experts.down_proj"] = own["ffn_down_exps.weight"].mT
        layer["mlp.experts.down_proj_bias"] = own["ffn_down_exps.bias"]
        state |= {f"model.layers.{i}.{name}": tensor for name, tensor in layer.items()}
    made = transformers.GptOssForCausalLM(config)
    made.load_state_dict(state)
    return exact_norms(made.double().eval())


@pytest.mark.oracle("gguf")
@pytest.mark.parametrize("slowed", [False, True])
def test_gpt_oss_in_four_bits_equals_transformers(tmp_path, monkeypatch, slowed):
    single = torch.Tensor.float
    monkeypatch.setattr(
        torch.Tensor, "float", lambda x: x if x.dtype == torch.double else single(x)
    )
    path = toy(tmp_path / "m.gguf", **(YARN if slowed else {}))
    rope = {"rope_type": "default", "rope_theta": 1.5e5}
    if slowed:
        rope |= {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
        rope |= {"truncate": False, "beta_fast": 32.0, "beta_slow": 1.0}
    ours, other = gguf(path).double(), theirs(path, rope_parameters=rope)
    tokens = torch.randint(0, 300, (2, 40), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = other(tokens, use_cache=False).logits
        torch.testing.assert_close(ours(tokens), expected, rtol=0, atol=1e-10)


def test_what_gpt_oss_has_not_is_refused_by_name(tmp_path):
    for key, value in (("rope.scaling.type", "longrope"), ("expert_shared_count", 1)):
        with pytest.raises(UsageError, match=value if isinstance(value, str) else key):
            gguf(toy(tmp_path / "m.gguf", **{key: value}))
    with pytest.raises(UsageError, match=r"lacks gpt-oss\.expert_used_count"):
        gguf(toy(tmp_path / "m.gguf", expert_used_count=None))


def test_words_are_cut_where_a_capital_begins_another(tmp_path):
    tokenizer = tokenizer_of(GGUF(toy(tmp_path / "m.gguf")))
    cut = tokenizer.inner.pre_tokenizer.pre_tokenize_str("HelloWorld's 1234 a//\n\nb")
    said = ["Hello", "World's", "\u0120", "123", "4", "\u0120a", "//\u010a\u010a", "b"]
    assert [word for word, _ in cut] == said
