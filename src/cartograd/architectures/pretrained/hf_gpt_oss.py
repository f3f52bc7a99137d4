"""gpt-oss as Hugging Face keeps it: experts with clamped gates, sinks, every other layer a window.

The experts of a layer lie in one tensor each, gate and input by turns. OpenAI's own files have them
in four bits (MXFP4), which are made floats before (`published_mxfp4`).

References:
    OpenAI. gpt-oss-120b and gpt-oss-20b model card. 2025. https://arxiv.org/abs/2508.10925
"""

from typing import Any

import torch
from torch import Tensor

from cartograd.architectures.pretrained import hf_mixtral, published_decoder, published_rope
from cartograd.architectures.pretrained.hf_gemma2 import sliding
from cartograd.architectures.pretrained.published_config import required
from cartograd.architectures.pretrained.published_decoder import (
    BLOCK,
    LAYER,
    answers,
    layer_types,
    reads_on,
    sizes,
    table,
)
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.key_map import Op, Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "GptOssForCausalLM": "next",
    "GptOssForSequenceClassification": "classify",
    "GptOssForTokenClassification": "tag",
}
"""Our heads by the names of theirs."""

READS = published_decoder.READS | published_rope.READS | {
    "attention_bias": "flag", "sliding_window": "count?", "layer_types": "words?",
    "num_local_experts": "count", "num_experts_per_tok": "count", "experts_per_token": "count?",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL, SIZES = "decoder", hf_mixtral.SIZES
"""What our settings are called in config.json; both ways go by it."""


def by_turns(experts: int, /) -> Op:
    """Gates and inputs of all experts, column by column in turns, as matrices of their own."""

    def there(tensor: Tensor) -> tuple[Tensor, ...]:
        rows = tensor.transpose(1, -1).unflatten(1, (-1, 2)) if tensor.ndim == 3 else None
        rows = tensor.unflatten(1, (-1, 2)) if rows is None else rows
        return tuple(rows[number, :, part] for number in range(experts) for part in range(2))

    def back(*pieces: Tensor) -> Tensor:
        pairs = [torch.stack(pieces[n : n + 2], 1).flatten(0, 1) for n in range(0, len(pieces), 2)]
        whole = torch.stack(pairs)
        return whole.transpose(1, 2) if whole.ndim == 3 else whole

    return Op(there, back)


def apart(experts: int, /) -> Op:
    """The last matrices of all experts, or their biases, one by one."""

    def there(tensor: Tensor) -> tuple[Tensor, ...]:
        return tuple(one.mT if one.ndim == 2 else one for one in tensor.unbind()[:experts])

    return Op(there, lambda *pieces: torch.stack([p.mT if p.ndim == 2 else p for p in pieces]))


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map."""
    theirs, ours = rf"{LAYER}\.mlp", rf"{BLOCK}.feed_forward"
    numbers = range(config["num_local_experts"])
    own: list[tuple[Any, ...]] = [
        (rf"{LAYER}\.self_attn\.sinks", rf"{BLOCK}.attention.sinks"),
        (rf"{theirs}\.router\.(weight|bias)", rf"{ours}.router.\2"),
    ]
    for behind, end in (("", "weight"), ("_bias", "bias")):
        names = [f"{ours}.experts.{n}.{p}.{end}" for n in numbers for p in ("gate", "up")]
        downs = [f"{ours}.experts.{n}.down.{end}" for n in numbers]
        own += [
            (rf"{theirs}\.experts\.gate_up_proj{behind}", tuple(names), by_turns(len(numbers))),
            (rf"{theirs}\.experts\.down_proj{behind}", tuple(downs), apart(len(numbers))),
        ]
    return table(config, head_of(config, HEADS), own=own)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    head, chosen = head_of(config, HEADS), config["num_experts_per_tok"]
    if config.get("experts_per_token") is not None:
        required(config, "experts_per_token", chosen)
    args = sizes(config, head) | published_rope.rotary(config) | sliding(config, 2)
    args |= {"experts": config["num_local_experts"], "k": chosen, "activation": "clamped"}
    args |= {"attention_sinks": True, "biases": "qkvo" if config["attention_bias"] else ""}
    return answers(Spec(MODEL, args), config, head)


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    said = published_rope.back(args)
    return {"rope_scaling": {"rope_type": "default"}} | said | {
        "tie_word_embeddings": args["tied"], "attention_bias": args["biases"] == "qkvo",
        "sliding_window": args["window"], "layer_types": layer_types(args),
    }  # fmt: skip


def signature(config: dict[str, Any], /) -> Signature:
    """Tokens in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))
