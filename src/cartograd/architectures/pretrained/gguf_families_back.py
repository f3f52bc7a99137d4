"""The way back into a GGUF file for the families of a decoder: what their headers say more.

A family is told by its settings, and its header is written as llama.cpp's own converter does. What
is not said there is as llama.cpp has it, so the header is read again by our reader, and has to give
the settings that it was made of: any other is refused by its name. Of two things llama.cpp does not
do what is said: it passes Phi-3's window over, and chooses LongRoPE's factors by the memory that it
is started with, not by the length of the text.

References:
    Georgi Gerganov et al.: GGUF, 2023. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cartograd.architectures.pretrained.gguf_families import FACTORS, USUAL
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec

Header = tuple[dict[str, Any], dict[str, Tensor]]
"""Values under the family's name, and tensors beside the weights."""

CAPS = {"attention_cap": "attn_logit_softcapping", "output_cap": "final_logit_softcapping"}
"""What bounds scores, and its names."""


def family_of(args: Mapping[str, Any], /) -> str:
    """The family of GGUF that is nearest to a decoder's settings; whether it fits is seen later."""
    if args["order"] == "sandwich":
        return "gemma2" if args["qk_norm"] == "none" else "gemma3"
    if args["experts"] is not None:
        return "llama" if args["qk_norm"] == "none" else "qwen3moe"
    return "phi3" if args["qk_norm"] == "none" else "qwen3"


def header_of(family: str, args: Mapping[str, Any], /) -> Header:
    """What a family's header says beside sizes.

    Args:
        family: as of `family_of`.
        args: all of the decoder's settings.

    Raises:
        UsageError: the format has no word for one, or llama.cpp computes without it.
    """
    values, tensors = _scaling(args)
    width = args["head_dim"]
    if family == "phi3":
        _check_phi(args)
        values.setdefault("rope.scaling.original_context_length", args["context"])
        values |= {"rope.dimension_count": round(width * args["share"])}
        values |= {"attention.sliding_window": _window(args)}
        return values, tensors
    values |= {
        "rope.dimension_count": width, "attention.key_length": width,
        "attention.value_length": width,
    }  # fmt: skip
    if args["experts"] is not None:
        values |= {"expert_count": args["experts"], "expert_used_count": args["k"]}
    if family == "qwen3moe":
        values |= {"expert_feed_forward_length": args["ffn_dim"]}
    if family.startswith("gemma"):
        values |= _gemma(family, args)
    return values, tensors


def _gemma(family: str, args: Mapping[str, Any]) -> dict[str, Any]:
    if args["window"] is None:
        raise UsageError(f"a {family} without windows has no word in GGUF; expected window=...")
    if not args["tied"]:
        raise UsageError(
            f"tied=false has no word in GGUF of {family}: its scores are the embedding"
        )
    found: dict[str, Any] = {"attention.sliding_window": args["window"]}
    for ours, theirs in CAPS.items():
        if args[ours] is not None:
            found[theirs] = float(args[ours])
        elif family == "gemma2":  # llama.cpp divides by it
            raise UsageError(f"{ours}=none has no word in GGUF of gemma2; expected a number")
    local = args["local_base"]
    if family == "gemma3" and local is not None and local != 10_000:
        found["rope.freq_base_swa"] = float(local)
    every = len(args["reach"])
    if family == "gemma3" and every != USUAL[family] and args["reach"] == "w" * (every - 1) + "f":
        found["attention.sliding_window_pattern"] = every
    return found


def _check_phi(args: Mapping[str, Any]) -> None:
    if args["head_dim"] * args["heads"] != args["dim"]:
        raise UsageError(
            f"head_dim={args['head_dim']} has no word in GGUF of phi3; expected dim / heads, "
            f"{args['dim'] / args['heads']:g}"
        )
    if _window(args) and _window(args) < args["context"]:
        warnings.warn(
            f"window={args['window']} is written, and llama.cpp passes it over for phi3: beyond "
            "that many tokens it attends to all",
            stacklevel=6,
        )


def _window(args: Mapping[str, Any]) -> int:
    """The window of all layers, or 0: llama.cpp tells Phi-4 by that."""
    return args["window"] or 0 if args["reach"] == "w" else 0


def _scaling(args: Mapping[str, Any]) -> Header:
    """How rotary positions are slowed: linearly, or by LongRoPE's factors."""
    how = None if args["scaling"] is None else Spec.parse(args["scaling"])
    if how is None:
        return {}, {}
    if how.name == "linear":
        factor = float(how.args["factor"])
        return {"rope.scaling.type": "linear", "rope.scaling.factor": factor}, {}
    if how.name != "longrope":
        raise UsageError(
            f"scaling={args['scaling']} has no word in GGUF of these families; expected "
            "linear:factor=..., or longrope"
        )
    trained = how.args["context"]
    return (
        {
            "rope.scaling.original_context_length": trained,
            "rope.scaling.attn_factor": float(how.args.get("sharpness", _sharpness(how))),
        },
        {name: torch.tensor(how.args[own], dtype=torch.float32) for own, name in FACTORS.items()},
    )


def scaling_in_full(scaling: str | None, /) -> list[Any]:
    """A way to slow rotary positions with all that it says, to be compared."""
    if scaling is None:
        return []
    how = Spec.parse(scaling)
    more = {"sharpness": _sharpness(how)} if how.name == "longrope" else {}
    return [how.name, *(value for pair in sorted((more | how.args).items()) for value in pair)]


def _sharpness(how: Spec) -> float:
    """LongRoPE's own, where nothing is said."""
    factor, trained = how.args["factor"], how.args["context"]
    return math.sqrt(1 + math.log(factor) / math.log(trained)) if factor > 1 else 1.0
