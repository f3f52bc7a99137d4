"""A folder as PEFT keeps changes to a model's weights (LoRA): put into that model's tensors.

adapter_config.json says which model they belong to and how much they count, and
adapter_model.safetensors holds two thin matrices for each weight that was changed, and tensors that
were learned as a whole (a new head, biases).

    W' = W + scale B A,    scale = alpha / r, or alpha / sqrt(r) where `use_rslora` is said
    W' = m (W + scale B A) / |W + scale B A|, of each row, where `use_dora` is said

They are added in float32, or in the weight's own type where that is finer. What the configuration
may say is in `peft_config`; other forms of LoRA and other methods of PEFT are refused by name.

References:
    Edward Hu, Yelong Shen, Phillip Wallis et al. LoRA: low-rank adaptation of large language
    models. ICLR 2022. https://arxiv.org/abs/2106.09685
    Shih-Yang Liu et al. DoRA: weight-decomposed low-rank adaptation. ICML 2024.
    https://arxiv.org/abs/2402.09353
    Damjan Kalajdzievski. A rank stabilization scaling factor for fine-tuning with LoRA. 2023.
    https://arxiv.org/abs/2312.03732
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.architectures.pretrained.peft_config import understood
from cartograd.architectures.pretrained.published_config import read_object
from cartograd.architectures.pretrained.published_folder import ADAPTER, configuration, tensors_of
from cartograd.core.errors import UsageError

FILE = "adapter_model.safetensors"

PREFIX = "base_model.model."
"""What PEFT writes before the names of the model's own parts."""

FACTOR = re.compile(r"(?P<name>.+)\.lora_(?P<embedding>embedding_)?(?P<side>[AB])(?:\.weight)?")
"""The name of a thin matrix; those beside an embedding are stored without a layer of their own."""

HEADS = {
    "SEQ_CLS": "ForSequenceClassification", "TOKEN_CLS": "ForTokenClassification",
    "QUESTION_ANS": "ForQuestionAnswering",
}  # fmt: skip
"""How transformers calls a model with the head that a task has."""

WRITERS = ("LMHeadModel", "ForCausalLM", "ForMaskedLM", "ForPreTraining", "Generation")
"""How the names of models end that give tokens."""

LENGTHS = ".lora_magnitude_vector"
"""How the names of the lengths end that DoRA gives to rows."""


@dataclass(frozen=True)
class Beside:
    """What is added to a layer: `scale up down`, and of DoRA the lengths of the rows."""

    down: Tensor
    up: Tensor
    scale: float
    length: Tensor | None


def is_peft(folder: Path, /) -> bool:
    """Whether a folder holds changes to a model's weights."""
    return (folder / ADAPTER).is_file()


def base_of(folder: Path, onto: str | Path | None = None, /) -> Path:
    """The folder of the model that the changes belong to.

    Args:
        folder: the adapter's.
        onto: where that model is, if it is not where the adapter says.

    Raises:
        UsageError: it is not there.
    """
    if onto is not None:
        if not (Path(onto) / "config.json").is_file():
            raise UsageError(f"onto={onto} holds no config.json; expected the adapter's own model")
        return Path(onto)
    if (folder / "config.json").is_file() and any(folder.glob("model*.safetensors")):
        return folder
    named = read_object(folder / ADAPTER).get("base_model_name_or_path")
    for place in (Path(str(named)), folder / str(named)):
        if named and (place / "config.json").is_file():
            return place
    raise UsageError(
        f"{folder} holds changes to {named or 'a model that it does not name'}, which is no folder "
        f"here; fetch that and say where it is: hf:{folder},onto=FOLDER"
    )


def adapted(folder: Path, base: Path, family: Any, /) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The configuration and the tensors of a model with its adapter in them.

    Args:
        folder: the adapter's.
        base: of the model that it belongs to.
        family: the module that knows models of its kind.

    Raises:
        UsageError: a file is missing or damaged, the adapter is of a kind that is not known here,
            or does not fit the model.
    """
    said = understood(folder)
    if not (folder / FILE).is_file():
        raise UsageError(f"{folder} holds no {FILE}; a pickle beside it is never opened")
    learned = tensors_of(folder, stem=FILE.removesuffix(".safetensors"))
    tensors = tensors_of(base)
    pairs, whole = _sorted(folder, learned, vars(family).get("MODULES", ()))
    config = _with_head(configuration(base), said, vars(family).get("HEADS", {}), whole)
    for name, pair in pairs.items():
        place = _place(f"{name}.weight", tensors, folder)
        if "embedding" in pair:
            _check_apart(place, config, tensors)
        tensors[place] = _changed(tensors[place], pair, _scale(said, name, pair), said, place)
    for name, tensor in whole.items():
        known = _known(name, tensors)
        tensors[known[0] if len(known) == 1 else name] = tensor
    return config, tensors


def beside(folder: Path, /) -> dict[str, Beside]:
    """What an adapter adds to layers, by the names that PEFT has for these, without its model.

    Raises:
        UsageError: as `adapted`, or something was learned as a whole, or beside an embedding.
    """
    said = understood(folder)
    if not (folder / FILE).is_file():
        raise UsageError(f"{folder} holds no {FILE}; a pickle beside it is never opened")
    pairs, whole = _sorted(folder, tensors_of(folder, stem=FILE.removesuffix(".safetensors")), ())
    odd = [*whole, *(name for name, pair in pairs.items() if "embedding" in pair)]
    if odd:
        raise UsageError(
            f"{folder} changes {odd[0]}, which is no dense layer, so it shares no base with "
            f"others; serve hf:{folder} alone"
        )
    return {
        name: Beside(pair["A"], pair["B"], _scale(said, name, pair), pair.get("length"))
        for name, pair in pairs.items()
    }


def _sorted(
    folder: Path, learned: Mapping[str, Tensor], renamed: Iterable[tuple[str, str]]
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Tensor]]:
    """The pairs of thin matrices by the layer that they change, and what was learned as a whole."""
    pairs: dict[str, dict[str, Tensor]] = {}
    whole = {}
    for key, tensor in learned.items():
        name = key.removeprefix(PREFIX).replace(".base_layer.", ".")
        for pattern, older in renamed:
            name = re.sub(pattern, older, name)
        found = FACTOR.fullmatch(name)
        plain = name.removesuffix(".weight")
        if plain.endswith(LENGTHS):
            pairs.setdefault(plain.removesuffix(LENGTHS), {})["length"] = tensor
            continue
        if found is None:
            whole[name] = tensor
            continue
        own = pairs.setdefault(found["name"], {})
        own[found["side"]] = tensor
        own |= {"embedding": tensor} if found["embedding"] else {}
    for name, pair in pairs.items():
        if not {"A", "B"} <= set(pair):
            raise UsageError(f"{folder / FILE}: {name} has one thin matrix; expected lora_A and _B")
        if "length" in pair and "embedding" in pair:
            raise UsageError(
                f"{folder / FILE}: {name} is an embedding with lengths (DoRA), which is not known "
                "here; merge it into its model with PEFT and save that"
            )
    return pairs, whole


def _check_apart(name: str, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Refuse a change of how tokens are read where the same matrix scores them.

    Raises:
        UsageError: it is; PEFT changes the one and not the other, so no model holds both in one.
    """
    writes = any(one.endswith(WRITERS) for one in config.get("architectures") or [])
    if writes and "lm_head.weight" not in tensors:
        raise UsageError(
            f"the adapter changes {name}, by which the model also scores tokens, unchanged; "
            "such a model is not known here"
        )


def _scale(said: Mapping[str, Any], name: str, pair: Mapping[str, Tensor]) -> float:
    """How much a product counts; the rank is that of its matrices."""
    rank, alpha = pair["A"].shape[0], said.get("lora_alpha", 8)
    for pattern, own in (said.get("alpha_pattern") or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", name):
            alpha = own
            break
    return float(alpha) / (math.sqrt(rank) if said.get("use_rslora") else rank)


def _changed(
    weight: Tensor, pair: Mapping[str, Tensor], scale: float, said: Mapping[str, Any], name: str
) -> Tensor:
    """A weight with its change in it."""
    dtype = torch.promote_types(weight.dtype, torch.float32)
    down, up = (pair[side].to(dtype).flatten(1) for side in "AB")
    turned = "embedding" in pair or (said.get("fan_in_fan_out") and weight.ndim == 2)
    try:
        change = up @ down
        own = weight.to(dtype)
        found = own + scale * (change.T if turned else change).reshape(weight.shape)
        if "length" not in pair:
            return found
        rows = found.T if turned else found
        lengths = pair["length"].to(dtype).reshape(-1, *[1] * (rows.ndim - 1))
        if len(lengths) != len(rows):
            raise RuntimeError
        rows = rows * lengths / rows.flatten(1).norm(dim=1).view_as(lengths)
        return rows.T if turned else rows
    except RuntimeError as error:
        raise UsageError(
            f"{name} is of shape {tuple(weight.shape)}, and its change of {tuple(up.shape)} times "
            f"{tuple(down.shape)}{_lengths(pair)}; is this the adapter's own model?"
        ) from error


def _lengths(pair: Mapping[str, Tensor]) -> str:
    return f" with {pair['length'].numel()} lengths" if "length" in pair else ""


def _place(name: str, tensors: Mapping[str, Tensor], folder: Path) -> str:
    """The name of the model's own tensor.

    Raises:
        UsageError: there is none, or there are several.
    """
    known = _known(name, tensors)
    if len(known) != 1:
        raise UsageError(
            f"{folder} changes {name}, and the model has {known or 'no such tensor'}"
            "; is this the adapter's own model (onto=FOLDER)?"
        )
    return known[0]


def _known(name: str, tensors: Mapping[str, Tensor]) -> list[str]:
    """The tensor of this name, or those that differ by a prefix, as of a model saved by itself."""
    if name in tensors:
        return [name]
    return [one for one in tensors if name.endswith(f".{one}") or one.endswith(f".{name}")]


def _with_head(
    config: dict[str, Any], said: Mapping[str, Any], heads: Mapping[str, str],
    whole: Mapping[str, Tensor],
) -> dict[str, Any]:  # fmt: skip
    """The configuration, with the head that the adapter's task has, as transformers would add it.

    Raises:
        UsageError: the family has no such head.
    """
    wanted = HEADS.get(str(said.get("task_type")))
    if wanted is None or any(one.endswith(wanted) for one in config.get("architectures") or []):
        return config
    known = [name for name in heads if name.endswith(wanted)]
    if not known:
        raise UsageError(
            f"{ADAPTER}: task_type={said['task_type']}, and models of {config['model_type']} have "
            "no such head here; merge it into its model with PEFT and save that"
        )
    config = config | {"architectures": known}
    head = next((w for name, w in whole.items() if name.endswith("classifier.weight")), None)
    if head is None or "id2label" in config:
        return config
    return config | {"num_labels": len(head)}
