"""Mistral as Hugging Face keeps it: LLaMA in all but numbers."""

from typing import Any

from cartograd.architectures.pretrained import hf_llama
from cartograd.architectures.pretrained.hf_llama import KEYS, MODEL, SIZES, signature, spec

HEADS = {name: head for name, head in hf_llama.HEADS.items() if name.startswith("Mistral")}
"""Our heads by the names of theirs."""

READS = {
    **{key: kind for key, kind in hf_llama.READS.items() if key != "attention_bias"},
    "sliding_window": "count?",
}
"""Keys of config.json that are read, and their types."""


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    return hf_llama.back(args) | {"sliding_window": args["window"]}


__all__ = ["HEADS", "KEYS", "MODEL", "READS", "SIZES", "back", "signature", "spec"]
