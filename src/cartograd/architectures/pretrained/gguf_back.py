"""The way back into a GGUF file: a LLaMA or decoder of ours as a header's values and tensors.

Names of tensors come by the inverse of the reader's key map, sizes by its table. What the reader
would not understand again, or llama.cpp would compute otherwise, is refused by its name.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from cartograd.architectures.pretrained.gguf import (
    FAMILIES,
    FREQUENCIES,
    SIZES,
    TRAINED,
    keys,
    spec_of,
)
from cartograd.architectures.pretrained.gguf_families_back import (
    family_of,
    header_of,
    scaling_in_full,
)
from cartograd.architectures.pretrained.published_back import settings
from cartograd.architectures.transformer.rotary import Rotary
from cartograd.core.errors import UsageError, nearest
from cartograd.core.key_map_inverse import written
from cartograd.core.narrowed import narrowing_of
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec

MODELS = ("llama", "decoder")
"""What can be said."""


def parts_of(model: Signed, /) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The header's values, without those of the tokenizer, and the tensors.

    Args:
        model: a LLaMA or a decoder, made by name, whole.

    Raises:
        UsageError: it is something else, or has a setting that the format cannot say.
    """
    name, args = ("", {}) if model.spec is None else settings(model.spec, model.signature)
    if name not in MODELS:
        near = nearest(name, list(MODELS)) if name else None
        raise UsageError(
            f"{name or 'a model that was not made by name'} cannot be said in GGUF"
            f"{f', the nearest that can is {near}' if near else ''}: expected a llama (LLaMA, "
            "Mistral, Qwen2, SmolLM2) or a decoder (Qwen3, Gemma, Phi-3, Mixtral), of which "
            "llama.cpp knows what it computes; --to huggingface and --to onnx take others"
        )
    if narrowing_of(model.model) is not None:
        raise UsageError("this model was pruned, and a GGUF file has one size for all layers")
    if model.signature.output.temperature != 1:
        raise UsageError(f"temperature={model.signature.output.temperature} has no word in GGUF")
    family = _family(args) if name == "llama" else family_of(args)
    more, beside = _llamas(args) if name == "llama" else header_of(family, args)
    values = {
        "general.architecture": family,
        "general.name": f"cartograd {name}",
        **{f"{family}.{theirs}": args[ours] for ours, theirs in SIZES.items()},
        f"{family}.attention.head_count_kv": args["kv_heads"],
        f"{family}.vocab_size": args["vocabulary"],
        f"{family}.rope.freq_base": float(args["base"]),
        f"{family}.attention.layer_norm_rms_epsilon": float(args["eps"]),
        **{f"{family}.{key}": value for key, value in more.items()},
    }
    table, state = keys(values, Spec(name, args)), model.model.state_dict()
    if name == "decoder":
        scores = {} if args["tied"] else {"output.weight": state["head.weight"]}
        entries = {"token_embd.weight": state["embedding.weight"]} | scores | beside
        _check_again(_Header(values, entries), args, family)
    return values, written(state, table, source=f"a GGUF file of {family}") | beside


def _llamas(args: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    more, scaled = _scaled(args)
    return {"rope.dimension_count": args["head_dim"]} | _own_heads(args) | more, scaled


@dataclass(frozen=True)
class _Header:
    """A header as the reader sees that of a file, and the tensors that it looks at."""

    values: Mapping[str, Any]
    entries: Mapping[str, Tensor]
    path: str = "the GGUF file"

    def tensor(self, name: str, /) -> Tensor:
        """One of them."""
        return self.entries[name]


def _check_again(header: _Header, args: dict[str, Any], family: str) -> None:
    """Refuse a setting that the header does not give again."""
    found = settings(spec_of(header))[1]
    again = _plain(found)
    for key, value in _plain(args).items():
        if not _same(again[key], value):
            said, own = (str(Spec("", {key: one[key]}))[1:] for one in (args, found))
            raise UsageError(f"{said} has no word in GGUF of {family}, where it is {own}")


def _plain(args: dict[str, Any]) -> dict[str, Any]:
    """Settings without what changes nothing."""
    letters = (args["reach"] * args["depth"])[: args["depth"]]
    window = args["window"] if set(letters) & set("wm") else None
    local = args["local_base"] if "w" in letters else None
    return args | {
        "reach": letters, "window": window,
        "local_base": args["base"] if local is None else local,
        "scale": args["head_dim"] ** -0.5 if args["scale"] is None else args["scale"],
        "scaling": scaling_in_full(args["scaling"]), "k": args["experts"] and args["k"],
        "normalised": args["experts"] is None or args["normalised"],
    }  # fmt: skip


def _same(one: Any, other: Any) -> bool:
    """Whether they are equal, numbers as far as a header keeps them."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-6)
    return one == other


def _own_heads(args: dict[str, Any]) -> dict[str, int]:
    """The size of heads, where it is not what follows from their number."""
    if args["head_dim"] == args["dim"] // args["heads"]:
        return {}
    return {f"attention.{part}_length": args["head_dim"] for part in ("key", "value")}


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
