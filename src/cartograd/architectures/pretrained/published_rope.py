"""Rotary positions in config.json: their words for what slows them down, and ours.

They stand under `rope_parameters` (transformers 5) or `rope_scaling` and `rope_theta` (before).
Each key of the way that is named is read; any other is refused by its name.
"""

import math
from typing import Any

from cartograd.architectures.pretrained.published_config import shown, typed
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec

READS = {"rope_parameters": "table?", "rope_scaling": "table?", "rope_theta": "number"}
"""Keys of config.json that are read here, and their types."""

ORIGINAL = "original_max_position_embeddings"

SCALINGS = {
    "linear": {"factor": "factor"},
    "dynamic": {"factor": "factor", ORIGINAL: "context"},
    "yarn": {
        "factor": "factor", ORIGINAL: "context", "beta_fast": "fast", "beta_slow": "slow",
        "attention_factor": "sharpness", "truncate": "truncate",
    },
    "longrope": {
        "factor": "factor", ORIGINAL: "context", "attention_factor": "sharpness",
        "short_factor": "short", "long_factor": "long",
    },
    "llama3": {
        "factor": "factor", ORIGINAL: "context", "low_freq_factor": "low",
        "high_freq_factor": "high",
    },
}  # fmt: skip
"""Ways to scale rotary positions: their words and ours."""

KINDS = {"truncate": "flag", "short_factor": "numbers", "long_factor": "numbers"}
"""Types of what is no number."""

BY_LENGTH = ("dynamic", "longrope")
"""Ways that follow the length of the text."""

ABOUT = ("rope_type", "type", "rope_theta", "partial_rotary_factor", "mscale", "mscale_all_dim")
"""Keys that are no word of one way."""


def rotary(config: dict[str, Any], rope: dict[str, Any] | None = None, /) -> dict[str, Any]:
    """Our settings of a decoder's rotary positions: `base`, and `scaling`, `share`, `context`.

    Args:
        config: understood, as far as it is read.
        rope: what is said of them; under `rope_parameters` or `rope_scaling` if not given.

    Raises:
        UsageError: a way or a key of it is not understood.
    """
    rope = _said(config) if rope is None else rope
    base = rope.get("rope_theta", config["rope_theta"])
    typed("config.json", "rope_theta", base, "number")
    share = rope.get("partial_rotary_factor", config.get("partial_rotary_factor"))
    found: dict[str, Any] = {"base": float(base)}
    if share not in (None, 1):
        if "partial_rotary_factor" not in config:
            raise UsageError(
                f"config.json: partial_rotary_factor={shown(share)} is not understood for "
                f"{config['model_type']}; expected 1"
            )
        typed("config.json: rope_parameters", "partial_rotary_factor", share, "number")
        found["share"] = float(share)
    context = config["max_position_embeddings"]
    scaling = _scaling(rope, config, context)
    for key, value in (scaling.args if scaling else {}).items():
        if key in ("context", "factor") and not value > 0:
            raise UsageError(f"config.json: rope_parameters: {key}={value} cannot be; above 0 can")
    if scaling is not None:
        _check_factors(config, scaling, found.get("share", 1.0))
        found["scaling"] = str(scaling)
    if scaling is not None and scaling.name == "dynamic":
        found["context"] = int(context * scaling.args["factor"])
    return found


def _said(config: dict[str, Any]) -> dict[str, Any]:
    return config.get("rope_scaling") or config.get("rope_parameters") or {}


def follows_length(args: dict[str, Any], /) -> bool:
    """Whether these settings' rotary positions depend on the length of the text."""
    return Spec.parse(args.get("scaling") or "none").name in BY_LENGTH


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of our settings; older readers know this form.

    Raises:
        UsageError: it has no word for the scaling.
    """
    said = {"rope_theta": args["base"]}
    if args["scaling"] is None:
        return said
    scaling = Spec.parse(args["scaling"])
    words = {ours: theirs for theirs, ours in SCALINGS.get(scaling.name, {}).items()}
    lacking = [name for name in scaling.args if name not in words]
    if scaling.name not in SCALINGS or lacking:
        raise UsageError(f"scaling={args['scaling']} has no name in config.json of LLaMA")
    usual = {"low": 1.0, "high": 4.0} if scaling.name == "llama3" else {}
    rope = {words[name]: _listed(value) for name, value in (usual | scaling.args).items()}
    return said | {"rope_scaling": {"rope_type": scaling.name} | rope}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _scaling(rope: dict[str, Any], config: dict[str, Any], context: int) -> Spec | None:
    """How rotary positions are slowed down."""
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind not in ("default", *SCALINGS):
        raise UsageError(
            f"config.json: rope_parameters: rope_type={shown(kind)}: such rotary positions are not "
            f"known; expected default, {', '.join(SCALINGS)}"
        )
    args = _words(kind, rope)
    if kind == "default":
        return None
    trained = config.get(ORIGINAL)  # beside the others in Phi's files, and then it counts
    if ORIGINAL in SCALINGS[kind]:
        args["context"] = trained or args.get("context", context)
    if kind == "longrope":
        args.setdefault("factor", context / args["context"])
    needed = {"factor": "factor"} | {"short_factor": "short", "long_factor": "long"}
    for theirs, ours in needed.items():
        if theirs in SCALINGS[kind] and ours not in args:
            raise UsageError(f"config.json: rope_parameters of type {kind} lack {theirs!r}")
    if kind == "yarn" and "sharpness" not in args:
        args |= _by_mscale(rope, args["factor"])
    if kind == "dynamic" and args["context"] != context:
        raise UsageError(
            f"config.json: rope_parameters: {ORIGINAL}={args['context']} has no meaning for "
            f"dynamic; expected max_position_embeddings, {context}"
        )
    return Spec(kind, args)


def _words(kind: str, rope: dict[str, Any]) -> dict[str, Any]:
    """What is said of a way to slow down, in our words; anything else is refused."""
    words, args = SCALINGS.get(kind, {}), {}
    passed = ABOUT if kind == "yarn" else ABOUT[:4]
    for key, value in rope.items():
        if key in words and value is not None:
            typed("config.json: rope_parameters", key, value, KINDS.get(key, "number"))
            args[words[key]] = tuple(value) if isinstance(value, list) else value
        elif key not in passed and value not in (None, False):
            raise UsageError(
                f"config.json: rope_parameters: {key}={shown(value)} is not understood for rotary "
                f"positions of type {kind}"
            )
    return args


def _check_factors(config: dict[str, Any], scaling: Spec, share: float) -> None:
    """Refuse factors of another number than there are pairs of features."""
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    for theirs, ours in (("short_factor", "short"), ("long_factor", "long")):
        count = len(scaling.args.get(ours, ())) or None
        if count not in (None, int(size * share) // 2):
            raise UsageError(
                f"config.json: rope_parameters: {theirs} has {count} numbers; expected one for "
                f"each of the {int(size * share) // 2} pairs of a head's features"
            )


def _by_mscale(rope: dict[str, Any], factor: float) -> dict[str, float]:
    """DeepSeek's words for the sharpness of YaRN; one of them alone says nothing."""
    one, other = rope.get("mscale"), rope.get("mscale_all_dim")
    for key, value in (("mscale", one), ("mscale_all_dim", other)):
        typed("config.json: rope_parameters", key, value, "number?")
    if not one or not other or factor <= 1:
        return {}
    parts = (0.1 * scale * math.log(factor) + 1.0 for scale in (one, other))
    return {"sharpness": next(parts) / next(parts)}
