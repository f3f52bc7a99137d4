"""Qwen2 as Hugging Face keeps it: LLaMA in all but numbers."""

from typing import Any

from cartograd.architectures.pretrained import hf_llama, hf_mistral
from cartograd.architectures.pretrained.hf_llama import KEYS, MODEL, SIZES, signature, spec

HEADS = {name: head for name, head in hf_llama.HEADS.items() if name.startswith("Qwen2")}
"""Our heads by the names of theirs."""

READS = hf_mistral.READS | {
    "use_sliding_window": "flag", "max_window_layers": "number", "layer_types": "words?",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes: all layers have a window."""
    window = args["window"]
    slides = {"use_sliding_window": window is not None, "sliding_window": window}
    return hf_llama.back(args) | slides | ({} if window is None else {"max_window_layers": 0})


__all__ = ["HEADS", "KEYS", "MODEL", "READS", "SIZES", "back", "signature", "spec"]
