"""Mistral as Hugging Face keeps it: LLaMA in all but numbers."""

from cartograd.architectures.pretrained import hf_llama
from cartograd.architectures.pretrained.hf_llama import KEYS, signature, spec

READS = {
    **{key: kind for key, kind in hf_llama.READS.items() if key != "attention_bias"},
    "sliding_window": "count?",
}
"""Keys of config.json that are read, and their types."""

__all__ = ["KEYS", "READS", "signature", "spec"]
