"""Families of decoders in GGUF files: what their headers say more, and their own tensors.

Norms of Gemma are kept with the one added, as ours are; Phi-3's matrices are fused, and so are
those of all experts of a layer, which older files of Mixtral have apart. What a header leaves out
is as llama.cpp has it: which layers of a Gemma have a window, and by what scores are scaled. The
pairs between which gpt-oss's YaRN goes over are not rounded, as its published config.json says.

References:
    Georgi Gerganov et al.: GGUF, 2023. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from cartograd.core.errors import UsageError
from cartograd.core.key_map import Op, Table, parts
from cartograd.core.spec import Spec
from cartograd.data.gguf.reader import Headed

OWN: dict[str, dict[str, str]] = {
    "qwen3": {},
    "qwen3moe": {
        "expert_count": "count", "expert_used_count": "count",
        "expert_feed_forward_length": "count",
    },
    "gemma2": {
        "attention.sliding_window": "count", "attn_logit_softcapping": "number",
        "final_logit_softcapping": "number",
    },
    "gemma3": {
        "attention.sliding_window": "count", "final_logit_softcapping": "number",
        "rope.freq_base_swa": "number", "attention.sliding_window_pattern": "count",
    },
    "phi3": {
        "attention.sliding_window": "whole", "rope.dimension_count": "count",
        "rope.scaling.original_context_length": "count", "rope.scaling.attn_factor": "number",
    },
    "gpt-oss": {
        "attention.sliding_window": "count", "attention.sliding_window_pattern": "count",
        "expert_count": "count", "expert_used_count": "count",
        "expert_feed_forward_length": "count", "rope.scaling.original_context_length": "count",
        "rope.scaling.yarn_beta_fast": "number", "rope.scaling.yarn_beta_slow": "number",
    },
}  # fmt: skip
"""Families that a `decoder` holds; what each reads besides, and of what type it is."""

MIXED = {"expert_count": "whole", "expert_used_count": "whole"}
"""What a LLaMA's header says where it is a Mixtral."""

SLOWED = {"gpt-oss": ("yarn",)}
"""Ways to slow rotary positions down that a family has beside those of all."""

FACTORS = {"short": "rope_factors_short.weight", "long": "rope_factors_long.weight"}
"""By how much LongRoPE lowers each frequency, up to the trained length and beyond."""

LARGEST = {"gemma2": 46, "gemma3": 62}
"""Layers of those with 27 billion weights, whose scores are scaled by another size."""

USUAL = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2}
"""Each so manieth layer has no window."""

Said = Callable[..., Any]


def settings(file: Headed, family: str, said: Said, args: Mapping[str, Any], /) -> dict[str, Any]:
    """What a family's models have besides sizes.

    Args:
        file: whose header has been read.
        family: one of `OWN`.
        said: gives the values under the family's name.
        args: the settings that all families have.

    Raises:
        UsageError: a value is missing, or does not fit.
    """
    if family == "qwen3":
        return {"qk_norm": "head"}
    if family == "qwen3moe":
        return {
            "qk_norm": "head", "experts": said("expert_count"), "k": said("expert_used_count"),
            "ffn_dim": said("expert_feed_forward_length"),
        }  # fmt: skip
    if family == "phi3":
        window = said("attention.sliding_window", 0)
        sliding = {"window": window, "reach": "w"} if window else {}
        return sliding | _longrope(file, said, args)
    if family == "gpt-oss":
        return _gpt_oss(said)
    return _gemma(family, said, args)


def experts(said: Said, /) -> dict[str, Any]:
    """What a LLaMA's header says of experts; nothing where it has none.

    Raises:
        UsageError: it does not say how many a token goes to.
    """
    count = said("expert_count", 0)
    return {"experts": count, "k": said("expert_used_count")} if count else {}


def _gemma(family: str, said: Said, args: Mapping[str, Any]) -> dict[str, Any]:
    width = args.get("head_dim", args["dim"] // args["heads"])
    scaled = args["dim"] / args["heads"] if args["depth"] == LARGEST[family] else width
    every = said("attention.sliding_window_pattern", USUAL[family])
    found = {
        "order": "sandwich", "activation": "geglu", "scale": scaled**-0.5,
        "embedding_scale": args["dim"] ** 0.5, "window": said("attention.sliding_window"),
        "reach": "w" * (every - 1) + "f",
    }  # fmt: skip
    if family == "gemma3":
        base = round(said("rope.freq_base_swa", 10_000.0), 6)
        found |= {"qk_norm": "head", "local_base": base}
    caps = {"attention_cap": "attn_logit_softcapping", "output_cap": "final_logit_softcapping"}
    for ours, theirs in caps.items():
        usual = {"attention_cap": 50.0, "output_cap": 30.0}[ours] if family == "gemma2" else 0.0
        cap = said(theirs, usual)
        found |= {ours: cap} if cap else {}
    return found


def _gpt_oss(said: Said) -> dict[str, Any]:
    every = said("attention.sliding_window_pattern", USUAL["gpt-oss"])
    found = {
        "biases": "qkvo", "attention_sinks": True, "activation": "clamped",
        "experts": said("expert_count"), "k": said("expert_used_count"),
        "ffn_dim": said("expert_feed_forward_length"), "reach": "w" * (every - 1) + "f",
        "window": said("attention.sliding_window"),
    }  # fmt: skip
    if said("rope.scaling.type", "none") != "yarn":
        return found
    scaling: dict[str, Any] = {
        "factor": said("rope.scaling.factor"),
        "context": said("rope.scaling.original_context_length"), "truncate": False,
    }  # fmt: skip
    for ours, usual in (("fast", 32.0), ("slow", 1.0)):
        turns = said(f"rope.scaling.yarn_beta_{ours}", usual)
        scaling |= {} if turns == usual else {ours: turns}
    return found | {"scaling": str(Spec("yarn", scaling))}


def _longrope(file: Headed, said: Said, args: Mapping[str, Any]) -> dict[str, Any]:
    """Phi-3's positions: a share of the features, and factors for longer texts."""
    width = args.get("head_dim", args["dim"] // args["heads"])
    turned = said("rope.dimension_count", width)
    share = {} if turned == width else {"share": turned / width}
    there = [name for name in FACTORS.values() if name in file.entries]
    if not there:
        return share
    if len(there) == 1:
        raise UsageError(f"{file.path} holds {there[0]} alone; expected {' and '.join(FACTORS)}")
    trained = said("rope.scaling.original_context_length")
    factor = args["context"] / trained
    usual = math.sqrt(1 + math.log(factor) / math.log(trained)) if factor > 1 else 1.0
    told = said("rope.scaling.attn_factor", usual)
    scaling: dict[str, Any] = {"factor": factor, "context": trained}
    scaling |= {how: file.tensor(name).tolist() for how, name in FACTORS.items()}
    if not math.isclose(told, usual, rel_tol=1e-5):
        scaling["sharpness"] = told
    return share | {"scaling": str(Spec("longrope", scaling))}


def rows(family: str, spec: Spec, /) -> Table:
    """Rows of a family's own, before those that all have."""
    block, ours = r"blk\.(\d+)", r"blocks.\1"
    if family == "qwen3moe":
        return _experts(block, f"{ours}.feed_forward", spec.args["experts"])
    if family == "llama" and "experts" in spec.args:
        part = f"{ours}.feed_forward"
        apart = rf"{block}\.ffn_(gate|up|down)\.(\d+)\.weight"
        older = (apart, rf"{part}.experts.\3.\2.weight")
        return (*_experts(block, part, spec.args["experts"]), older)
    if family == "phi3":
        args = spec.args
        width = args.get("head_dim", args["dim"] // args["heads"])
        groups = args["kv_heads"] * width
        return (
            (
                rf"{block}\.attn_qkv\.weight",
                tuple(f"{ours}.attention.{part}.weight" for part in ("query", "key", "value")),
                parts((args["heads"] * width, groups, groups)),
            ),
            (
                rf"{block}\.ffn_up\.weight",
                tuple(f"{ours}.feed_forward.{part}.weight" for part in ("gate", "up")),
                parts(2),
            ),
        )
    if family == "gpt-oss":
        return (
            (rf"{block}\.attn_sinks\.weight", f"{ours}.attention.sinks"),
            (rf"{block}\.post_attention_norm\.weight", f"{ours}.feed_forward_norm.weight"),
            *_experts(block, f"{ours}.feed_forward", spec.args["experts"]),
            *_experts(block, f"{ours}.feed_forward", spec.args["experts"], "bias"),
        )
    if family.startswith("gemma"):
        return (
            (rf"{block}\.post_attention_norm\.weight", f"{ours}.attention_after.weight"),
            (rf"{block}\.post_ffw_norm\.weight", f"{ours}.feed_forward_after.weight"),
        )
    return ()


def _experts(block: str, ours: str, count: int, what: str = "weight") -> Table:
    """All experts of a layer lie in one tensor."""
    apart = Op(lambda tensor: tensor.unbind(0), lambda *each: torch.stack(each))
    return (
        (rf"{block}\.ffn_gate_inp\.{what}", f"{ours}.router.{what}"),
        *(
            (
                rf"{block}\.ffn_{part}_exps\.{what}",
                tuple(f"{ours}.experts.{number}.{part}.{what}" for number in range(count)),
                apart,
            )
            for part in ("gate", "up", "down")
        ),
    )
