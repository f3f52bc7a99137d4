"""A gpt-oss in four bits is the model that transformers makes floats of."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from cartograd.architectures.pretrained.hf import hf
from cartograd.architectures.pretrained.published_mxfp4 import unpacked
from cartograd.core.errors import UsageError
from tests.architectures.pretrained.published_folders import change
from tests.reference import Reference

transformers = Reference("transformers")
theirs = Reference("transformers.integrations.mxfp4")

SIZES = {
    "vocab_size": 37, "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "num_local_experts": 3,
    "num_experts_per_tok": 2, "sliding_window": 4, "max_position_embeddings": 64,
    "pad_token_id": None, "eos_token_id": 2, "bos_token_id": 1,
}  # fmt: skip
SAID = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]}
"""As OpenAI's files say it."""


def bytes_of(*shape, low=0, high=256):
    return torch.randint(low, high, shape, dtype=torch.uint8)


@pytest.fixture
def folder(tmp_path):
    """A tiny model whose experts lie in four bits."""
    torch.manual_seed(0)
    model = transformers.GptOssForCausalLM(transformers.GptOssConfig(**SIZES))
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        experts, inputs, outputs = tensors.pop(name).shape
        tensors[f"{name}_blocks"] = bytes_of(experts, outputs, inputs // 32, 16)
        tensors[f"{name}_scales"] = bytes_of(experts, outputs, inputs // 32, low=119, high=124)
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    return change(tmp_path, quantization_config=SAID)


@pytest.mark.oracle("hf")
def test_numbers_are_those_of_transformers_to_the_bit():
    for shape, scales in (
        ((3, 8, 2, 16), bytes_of(3, 8, 2, low=90, high=160)),
        ((1, 255, 1, 16), torch.arange(255).to(torch.uint8)[None, :, None]),
    ):
        blocks = bytes_of(*shape)
        expected = theirs.convert_moe_packed_tensors(blocks, scales)
        assert torch.equal(unpacked(blocks, scales).view(torch.int16), expected.view(torch.int16))


@pytest.mark.oracle("hf")
def test_the_logits_are_those_of_transformers(folder):
    other = transformers.GptOssForCausalLM.from_pretrained(
        folder, quantization_config=transformers.Mxfp4Config(dequantize=True),
        dtype=torch.float32, attn_implementation="eager",
    )  # fmt: skip
    tokens = torch.randint(37, (2, 9))
    with torch.no_grad():
        torch.testing.assert_close(hf(folder)(tokens), other(tokens).logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (SAID | {"group_size": 64}, "quantization_config: group_size=64 is not understood for mx"),
        (SAID | {"quant_method": "fp8"}, 'quantization_config={"quant_method": "fp8"'),
        ("mxfp4", 'quantization_config="mxfp4"'),
        (None, "nothing is known of .*_proj_blocks"),
    ],
)
def test_what_else_is_said_is_refused_by_name(folder, said, told):
    with pytest.raises(UsageError, match=told):
        hf(change(folder, quantization_config=said))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"scales": None}, "has no scales: model.layers.0.mlp.experts.down_proj_scales is not in"),
        ({"scales": bytes_of(3, 64, 2)}, r"scales of shape \(3, 64, 2\); expected one for each"),
        ({"blocks": bytes_of(3, 64, 1, 8)}, "expected bytes, 16 in a block, of all experts"),
        ({"blocks": torch.zeros(3, 64, 1, 16)}, "is torch.float32 of shape"),
        ({"blocks": bytes_of(3, 32, 1, 16), "scales": bytes_of(3, 32, 1)}, "down.weight"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(folder, changed, told):
    file = folder / "model.safetensors"
    tensors = load_file(file)
    for part, tensor in changed.items():
        name = f"model.layers.0.mlp.experts.down_proj_{part}"
        tensors.pop(name)
        tensors |= {} if tensor is None else {name: tensor}
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(UsageError, match=told):
        hf(folder)
