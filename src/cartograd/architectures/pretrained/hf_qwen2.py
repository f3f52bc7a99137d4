"""Qwen2 as Hugging Face keeps it: LLaMA in all but numbers."""

from cartograd.architectures.pretrained import hf_mistral
from cartograd.architectures.pretrained.hf_llama import KEYS, signature, spec

READS = hf_mistral.READS | {
    "use_sliding_window": "flag", "max_window_layers": "number", "layer_types": "words?",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

__all__ = ["KEYS", "READS", "signature", "spec"]
