"""The models that `decoding` is timed with, as Hugging Face keeps them, and their prompts."""

import json
from pathlib import Path
from typing import Any

QUESTION = "Repeat after me: the cat sat on the mat."
QWEN3 = {
    "vocabulary": 32_768, "dim": 512, "depth": 28, "heads": 8, "kv_heads": 4, "head_dim": 128,
    "ffn_dim": 1536, "context": 4096, "base": 1e6, "qk_norm": "head", "tied": True,
}  # fmt: skip
"""Qwen3-0.6B at half its width."""


def prepare(folder: Path) -> None:
    """The model as Hugging Face keeps it, the prompt's tokens, and where llama.cpp's file is."""
    from cartograd.architectures.pretrained.hf_llama import KEYS, READS
    from cartograd.architectures.pretrained.published_config import settled
    from cartograd.core.build import build
    from cartograd.core.errors import UsageError

    try:
        from cartograd.architectures.pretrained.smollm2 import FILE, smollm2
        from cartograd.data.store import packages

        signed = smollm2()
        model, tokenizer = signed.model, signed.tokenizer
        prompt = tokenizer.encode(tokenizer.chat(QUESTION), special=False)
        (folder / "Q4_1.txt").write_text(str(packages.where("smollm2") / FILE))
        four = build("gguf-file:type=q4_0", kind="exporter")(signed, folder / "model.gguf")
        (folder / "Q4_0.txt").write_text(str(four))
        (folder / "tokenizer.json").write_text(tokenizer.to_json())
    except UsageError:
        model, prompt = _random("smollm2-135m"), list(range(3, 40))
    config = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 49152,
        "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9,
        "num_key_value_heads": 3, "intermediate_size": 1536, "max_position_embeddings": 8192,
        "rope_parameters": {"rope_type": "default", "rope_theta": 100_000.0},
        "rms_norm_eps": 1e-5, "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 2,
        "pad_token_id": 2, "torch_dtype": "float32",
    }  # fmt: skip
    _written(folder, config, model, KEYS(settled(config, READS)), prompt)


def prepare_qwen3(folder: Path) -> None:
    """The same of random weights in the proportions of Qwen3."""
    from cartograd.architectures.pretrained.hf_qwen3 import KEYS, READS
    from cartograd.architectures.pretrained.published_config import settled

    config = {
        "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"],
        "vocab_size": QWEN3["vocabulary"], "hidden_size": QWEN3["dim"],
        "num_hidden_layers": QWEN3["depth"], "num_attention_heads": QWEN3["heads"],
        "num_key_value_heads": QWEN3["kv_heads"], "head_dim": QWEN3["head_dim"],
        "intermediate_size": QWEN3["ffn_dim"], "max_position_embeddings": QWEN3["context"],
        "rope_parameters": {"rope_type": "default", "rope_theta": QWEN3["base"]},
        "rms_norm_eps": 1e-6, "tie_word_embeddings": True, "attention_bias": False,
        "use_sliding_window": False, "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2,
        "pad_token_id": 2, "torch_dtype": "float32",
    }  # fmt: skip
    model = _random("decoder", **QWEN3)
    _written(folder, config, model, KEYS(settled(config, READS)), list(range(3, 40)))


def _written(folder: Path, config: Any, model: Any, keys: Any, prompt: list[int]) -> None:
    from safetensors.torch import save_file

    from cartograd.core.key_map_inverse import written

    (folder / "config.json").write_text(json.dumps(config))
    (folder / "prompt.json").write_text(json.dumps(prompt))
    named = written(model.state_dict(), keys, source="a Hugging Face folder")
    tensors = {name: tensor.contiguous().clone() for name, tensor in named.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _random(name: str, **args: Any) -> Any:
    import torch

    from cartograd.core.build import build

    torch.manual_seed(0)
    model = build(name, **args)
    for name, weight in model.named_parameters():
        if "norm" not in name:  # large enough that no two tokens are nearly as likely
            torch.nn.init.normal_(weight, std=0.06)
    return model
