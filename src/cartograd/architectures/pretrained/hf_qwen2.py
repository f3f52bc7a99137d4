"""Qwen2 as Hugging Face keeps it: LLaMA in all but numbers."""

from cartograd.architectures.pretrained.hf_llama import KEYS, signature, spec

__all__ = ["KEYS", "signature", "spec"]
