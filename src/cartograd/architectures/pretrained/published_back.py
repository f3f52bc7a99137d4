"""The way back: a model of ours as the config.json and the tensors of a family of Hugging Face.

There is no second table. Tensors get their names by the inverse of the family's key map, and
settings by the table that its reader goes by (`SIZES`, and `back` for what is no size). What came
out is then read like any folder's configuration, and has to give the model that it was made of: a
setting that the family cannot say is refused by its name, and never left out.

Three families hold a LLaMA, two a GPT, three a BERT: the first that can say everything is taken.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from cartograd.architectures.pretrained import (
    hf_bart,
    hf_bert,
    hf_deberta_v2,
    hf_distilbert,
    hf_electra,
    hf_gemma2,
    hf_gemma3_text,
    hf_gpt2,
    hf_gpt_oss,
    hf_llama,
    hf_mistral,
    hf_mixtral,
    hf_modernbert,
    hf_mt5,
    hf_olmo2,
    hf_openai_gpt,
    hf_phi3,
    hf_qwen2,
    hf_qwen3,
    hf_qwen3_moe,
    hf_roberta,
    hf_smollm3,
    hf_t5,
    hf_umt5,
    hf_vit,
    hf_whisper,
    hf_xlm_roberta,
)
from cartograd.architectures.pretrained.published_config import settled
from cartograd.architectures.transformer.feed_forward import gated_dim
from cartograd.architectures.transformer.rotary import Rotary
from cartograd.core.build import hyperparameters, resolve
from cartograd.core.errors import UsageError, nearest
from cartograd.core.key_map_inverse import written
from cartograd.core.narrowed import narrowing_of
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec

FAMILIES: dict[str, Any] = {
    "bert": hf_bert, "distilbert": hf_distilbert, "roberta": hf_roberta, "gpt2": hf_gpt2,
    "openai-gpt": hf_openai_gpt, "llama": hf_llama, "mistral": hf_mistral, "qwen2": hf_qwen2,
    "t5": hf_t5, "vit": hf_vit, "whisper": hf_whisper, "qwen3": hf_qwen3,
    "gemma3_text": hf_gemma3_text, "gemma2": hf_gemma2, "phi3": hf_phi3, "smollm3": hf_smollm3,
    "olmo2": hf_olmo2, "mixtral": hf_mixtral, "qwen3_moe": hf_qwen3_moe, "gpt_oss": hf_gpt_oss,
    "modernbert": hf_modernbert, "xlm-roberta": hf_xlm_roberta, "electra": hf_electra,
    "deberta-v2": hf_deberta_v2, "bart": hf_bart, "mt5": hf_mt5,
    "umt5": hf_umt5,
}  # fmt: skip
"""Values of `model_type`, and what knows the family; of those with one model the usual one first"""

ADDED = {"whisper": hf_whisper.added}
"""Tensors that a folder holds beside our weights."""

CLASSIFIER = "decoder-classifier"
"""Our model around a decoder; theirs is the decoder with another head."""

WIDE: dict[str, Callable[[int], int]] = {
    "llama": gated_dim, "decoder": gated_dim, "modernbert": lambda dim: 3 * dim // 2,
}  # fmt: skip
"""How `ffn_dim` follows from `dim` where it is not four times that."""

PROBLEMS = {
    "regress": "regression", "classify": "single_label_classification",
    "multi-label": "multi_label_classification",
}  # fmt: skip
"""What their heads call our tasks."""

SAID = (
    "kind", "dims", "dtype", "padding_id", "mean", "std", "labels", "task", "rate", "separator_id",
    "thresholds", "temperature",
)  # fmt: skip
"""What of a port has to come back; its name and the files that it takes are not theirs to say."""


@dataclass(frozen=True)
class Folder:
    """What the folder of a model holds.

    Attributes:
        family: the value of `model_type`.
        config: what config.json says.
        tensors: under the family's names.
    """

    family: str
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


def folder_of(model: Signed, /) -> Folder:
    """A model as a family of Hugging Face keeps it.

    Args:
        model: made by name.

    Raises:
        UsageError: no family has its architecture, or none can say all of its settings.
    """
    inner, head, args = _described(model)
    refused: list[UsageError] = []
    for name, family in _holding(inner):
        try:
            return _as(name, family, model, head, args)
        except UsageError as error:
            refused.append(error)
    raise refused[0]


def architectures() -> list[str]:
    """The names of our architectures that a family holds."""
    return sorted({family.MODEL for family in FAMILIES.values()})


def _holding(name: str) -> list[tuple[str, Any]]:
    return [(own, family) for own, family in FAMILIES.items() if name == family.MODEL]


def _described(model: Signed) -> tuple[str, str, dict[str, Any]]:
    """Our architecture, its head, and all of its settings.

    Raises:
        UsageError: there is no name for it, or no family has it.
    """
    if model.spec is None:
        raise UsageError(
            "this model was not made by name, so nothing tells which family of Hugging Face it is "
            f"of; expected one of {', '.join(architectures())}"
        )
    cut = narrowing_of(model.model)
    if cut is not None and (cut.shapes or cut.kept or cut.numbers):
        raise UsageError(
            "this model was pruned, and its layers differ in size; config.json has one size for "
            "all of them: export it as ONNX (--to onnx)"
        )
    name, args = settings(model.spec, model.signature)
    head = str(args.get("head", ""))
    if name == CLASSIFIER:
        outer = args
        name, args = settings(Spec.parse(args["decoder"]), model.signature)
        args["padding_id"], head = outer["padding_id"], "tag" if outer["each"] else "classify"
    if not _holding(name):
        near = nearest(name, architectures())
        raise UsageError(
            f"{name} is no architecture of Hugging Face's folders"
            f"{f'; the nearest is {near}' if near else ''}; expected one of "
            f"{', '.join(architectures())}; --to onnx takes any model"
        )
    return name, head, args


def settings(spec: Spec, signature: Signature | None = None, /) -> tuple[str, dict[str, Any]]:
    """A model's name and all of its settings, also those that are as usual or follow from others.

    Args:
        spec: of the model.
        signature: what it takes and gives, from which sizes follow.
    """
    card, full = resolve(spec, kind="model", signature=signature)
    args = {key: item.default for key, item in hyperparameters(card).items()} | full.args
    if args.get("ffn_dim", 0) is None:
        args["ffn_dim"] = WIDE.get(card.name, lambda dim: 4 * dim)(args["dim"])
    if args.get("kv_heads", 0) is None:
        args["kv_heads"] = args["heads"]
    if args.get("head_dim", 0) is None:
        args["head_dim"] = args["dim"] // args["heads"]
    if args.get("patch_size", 0) is None:
        args["patch_size"] = 16 if args["size"] > 64 else max(1, min(4, args["size"] // 4))
    return card.name, args


def _as(name: str, family: Any, model: Signed, head: str, args: dict[str, Any]) -> Folder:
    """A model in the words of one family.

    Raises:
        UsageError: a setting has no word.
    """
    head = head or next(iter(family.HEADS.values()))
    theirs = [own for own, ours in family.HEADS.items() if ours == head]
    if not theirs:
        raise UsageError(
            f"head={head} is none of {name}; it has {', '.join(family.HEADS.values())}"
        )
    config: dict[str, Any] = {"model_type": name, "architectures": theirs[:1]}
    config |= {own: args[ours] for ours, own in family.SIZES.items()}
    config |= family.back(args)
    config |= {"dtype": "float32"} | _head(model.signature.output)
    for key, one in _ends(model).items():
        if key not in family.SIZES.values() and (one is not None or key not in config):
            config[key] = one
    ports = model.signature.inputs
    config.setdefault("pad_token_id", ports[-1].padding_id if ports[-1].kind == "text" else None)
    own_output = head not in ("classify", "tag") and args.get("tied") is False
    understood = settled(config, family.READS, own_output=own_output) | _pixels(ports[0])
    _check_settings(name, args, family.spec(understood), model)
    _check_ports(name, model.signature, family.signature(understood))
    keys: Any = family.KEYS
    table: Any = keys(understood) if callable(keys) else keys
    tensors = written(
        model.model.state_dict(), table, source=f"a folder of {name}", prefixed=head != "hidden"
    )
    return Folder(name, config, tensors | (ADDED[name](config) if name in ADDED else {}))


def _head(port: Port) -> dict[str, Any]:
    """What is said of a head that gives classes or values."""
    if port.task not in (*PROBLEMS, "tag"):
        return {}
    names = port.labels or tuple(f"LABEL_{number}" for number in range(int(port.dims[-1])))
    named = {
        "id2label": {str(number): name for number, name in enumerate(names)},
        "label2id": {name: number for number, name in enumerate(names)},
    }
    return named | ({"problem_type": PROBLEMS[port.task]} if port.task in PROBLEMS else {})


def _ends(model: Signed) -> dict[str, Any]:
    """Where texts begin and end, of a model of texts."""
    if all(port.kind != "text" for port in model.signature.inputs):
        return {}
    words = model.tokenizer
    begin, end = (None, None) if words is None else (words.begin, words.end)
    first = model.signature.input.kind == "text" and len(model.signature.inputs) > 1
    start = {"decoder_start_token_id": begin} if first and begin is not None else {}
    return {"bos_token_id": begin, "eos_token_id": end} | start


def _pixels(port: Port) -> dict[str, Any]:
    """How pictures are standardised, as `published_pictures` reads it."""
    if port.kind != "image":
        return {}
    return {
        f"image_{key}": getattr(port, key) * (1 if len(getattr(port, key)) != 1 else port.dims[0])
        for key in ("mean", "std")
    }


def _check_settings(name: str, args: Mapping[str, Any], read: Spec, model: Signed) -> None:
    """Refuse a family that would make another model of what was said."""
    _, found = settings(read, model.signature)
    if read.name == CLASSIFIER:
        _, found = settings(Spec.parse(found["decoder"]))
        found["padding_id"] = args["padding_id"]
    for key, value in args.items():
        if not _same(key, value, found[key]):
            raise UsageError(
                f"{key}={value} cannot be said in config.json of {name}, whose models have "
                f"{key}={found[key]}"
            )


def _same(key: str, one: Any, other: Any) -> bool:
    if key == "scaling" and None not in (one, other) and one != other:
        mine, theirs = (Rotary(head_dim=64, scaling=how) for how in (one, other))
        return bool((mine.speeds == theirs.speeds).all()) and mine.sharpness == theirs.sharpness
    if key == "skips_padding":  # ours is at the right, where it moves no position
        return bool(other) or not one
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-12)
    return one == other


def _check_ports(name: str, ours: Signature, read: Signature) -> None:
    """Refuse a family whose model takes or gives something else."""
    for mine, theirs in zip(
        (*ours.inputs, *ours.outputs), (*read.inputs, *read.outputs), strict=True
    ):
        for key in SAID:
            value, other = getattr(mine, key), getattr(theirs, key)
            if key in ("mean", "std") and len(value) == 1:
                value = value * len(other)
            unnamed = key == "labels" and not value
            if value != other and not unnamed:
                raise UsageError(
                    f"the port {mine.name!r} has {key}={value!r:.80}, which cannot be said in a "
                    f"folder of {name}: there it is {other!r:.80}"
                )
        if mine.kind == "image" and mine.bounds != theirs.bounds:
            raise UsageError(
                f"the port {mine.name!r} takes pixels within {mine.bounds}; in a folder of {name} "
                f"they are within {theirs.bounds}"
            )
