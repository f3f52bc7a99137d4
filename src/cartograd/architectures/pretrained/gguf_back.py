"""The way back into a GGUF file: a LLaMA of ours as a header's values and tensors.

Names of tensors come by the inverse of the reader's key map, sizes by its table. What the reader
would not understand again, or llama.cpp would compute otherwise, is refused by its name.
"""

from typing import Any

from torch import Tensor

from cartograd.architectures.pretrained.gguf import FAMILIES, FREQUENCIES, SIZES, TRAINED, keys
from cartograd.architectures.pretrained.published_back import settings
from cartograd.architectures.transformer.rotary import Rotary
from cartograd.core.errors import UsageError, nearest
from cartograd.core.key_map_inverse import written
from cartograd.core.narrowed import narrowing_of
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec


def parts_of(model: Signed, /) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The header's values, without those of the tokenizer, and the tensors.

    Args:
        model: a LLaMA, made by name, whole.

    Raises:
        UsageError: it is something else, or has a setting that the format cannot say.
    """
    name, args = ("", {}) if model.spec is None else settings(model.spec, model.signature)
    if name != "llama":
        near = nearest(name, ["llama"]) if name else None
        raise UsageError(
            f"{name or 'a model that was not made by name'} cannot be said in GGUF"
            f"{', the nearest that can is llama' if near else ''}: expected a llama (LLaMA, "
            "Mistral, Qwen2, SmolLM2), of which llama.cpp knows what it computes; "
            "--to huggingface and --to onnx take others"
        )
    if narrowing_of(model.model) is not None:
        raise UsageError("this model was pruned, and a GGUF file has one size for all layers")
    if model.signature.output.temperature != 1:
        raise UsageError(f"temperature={model.signature.output.temperature} has no word in GGUF")
    family = _family(args)
    more, scaled = _scaled(args)
    values = {
        "general.architecture": family,
        "general.name": "cartograd llama",
        **{f"{family}.{theirs}": args[ours] for ours, theirs in SIZES.items()},
        f"{family}.attention.head_count_kv": args["kv_heads"],
        f"{family}.vocab_size": args["vocabulary"],
        f"{family}.rope.dimension_count": args["head_dim"],
        **_own_heads(family, args),
        f"{family}.rope.freq_base": float(args["base"]),
        f"{family}.attention.layer_norm_rms_epsilon": float(args["eps"]),
        **{f"{family}.{key}": value for key, value in more.items()},
    }
    table = keys(values, Spec(name, args))
    return values, written(model.model.state_dict(), table, source="a GGUF file") | scaled


def _own_heads(family: str, args: dict[str, Any]) -> dict[str, int]:
    """The size of heads, where it is not what follows from their number."""
    if args["head_dim"] == args["dim"] // args["heads"]:
        return {}
    return {f"{family}.attention.{part}_length": args["head_dim"] for part in ("key", "value")}


def _family(args: dict[str, Any]) -> str:
    """The family whose attention has these biases, and no window.

    Raises:
        UsageError: there is none.
    """
    window = args["window"]
    if window is not None and window < args["context"]:
        raise UsageError(
            f"window={window} has no word in GGUF of these families; expected none, or at least "
            f"the context, {args['context']}"
        )
    found = [name for name, biases in FAMILIES.items() if biases == args["biases"]]
    if not found:
        raise UsageError(
            f"biases={args['biases']} has no family in GGUF; expected none (llama) or qkv (qwen2)"
        )
    return found[0]


def _scaled(args: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """How rotary positions are slowed: as values, or as a factor for each frequency.

    Raises:
        UsageError: in a way that the reader does not know.
    """
    if args["scaling"] is None:
        return {}, {}
    how, size = Spec.parse(args["scaling"]), args["head_dim"]
    if how.name == "linear":
        factor = float(how.args["factor"])
        return {"rope.scaling.type": "linear", "rope.scaling.factor": factor}, {}
    if how.name != "llama3" or how.args.get("context") != TRAINED or len(how.args) > 2:
        raise UsageError(
            f"scaling={args['scaling']} has no word in GGUF; expected linear:factor=..., or "
            f"llama3:factor=...,context={TRAINED}"
        )
    plain, slowed = (
        Rotary(head_dim=size, base=args["base"], scaling=one).speeds
        for one in (None, args["scaling"])
    )
    return {}, {FREQUENCIES: plain / slowed}
