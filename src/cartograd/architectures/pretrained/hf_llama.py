"""LLaMA and its descendants (Mistral, Qwen2) as Hugging Face keeps them."""

from typing import Any

from cartograd.architectures.pretrained import published_decoder, published_rope
from cartograd.architectures.pretrained.published_decoder import (
    answers,
    late_windows,
    reads_on,
    sizes,
    table,
)
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.architectures.pretrained.published_rope import follows_length, rotary
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    f"{family}For{task}": head
    for family in ("Llama", "Mistral", "Qwen2")
    for task, head in (
        ("CausalLM", "next"), ("SequenceClassification", "classify"),
        ("TokenClassification", "tag"),
    )
}  # fmt: skip
"""Our heads by the names of theirs."""

READS = published_decoder.READS | published_rope.READS | {"attention_bias": "flag"}
"""Keys of config.json that are read, and their types."""

MODEL, SIZES = "llama", published_decoder.SIZES
"""What our settings are called in config.json; both ways go by it."""


def keys(config: dict[str, Any], /) -> Table:
    """The key map."""
    return table(config, head_of(config, HEADS))


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    head = head_of(config, HEADS)
    args = sizes(config, head) | rotary(config)
    if config["model_type"] == "qwen2":
        args["biases"] = "qkv"
    elif config.get("attention_bias"):
        args["biases"] = "qkvo"
    args |= _window(config)
    if follows_length(args) or args.get("reach", "w") != "w":
        return answers(Spec("decoder", args), config, head)  # the same weights, and names of them
    args.pop("reach", None)
    return answers(Spec("llama", args), config, head)


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    said = {"tie_word_embeddings": args["tied"]} | published_rope.back(args)
    return said | ({"attention_bias": True} if args["biases"] == "qkvo" else {})


def signature(config: dict[str, Any], /) -> Signature:
    """Tokens in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))


def _window(config: dict[str, Any]) -> dict[str, Any]:
    """How far back positions attend, and in which layers."""
    if config["model_type"] == "qwen2":
        return late_windows(config)
    wide = config.get("sliding_window")
    return {} if wide is None else {"window": wide, "reach": "w"}


KEYS = keys
