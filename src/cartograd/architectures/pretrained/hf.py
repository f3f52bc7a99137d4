r"""A folder as Hugging Face keeps models: config.json, *.safetensors and tokenizer.json.

`model_type` in config.json names the family; `hf_FAMILY.py` beside this file knows it. Such a file
gives `spec(config)` (how our model is made), `signature(config)` (what it takes and gives) and
`KEYS`, the key map, or a function from the configuration to one. Weights may lie in one file or in
several with an index. Nothing is ever unpickled: a folder that has only `pytorch_model.bin` is
refused.

A folder of PEFT (adapter_config.json, adapter_model.safetensors) is read as the model that its
changes belong to, with them in its weights.

Shapes: as those of the model that comes out.

References:
    Hugging Face: Safetensors. 2022. https://huggingface.co/docs/safetensors

>>> hf("no/such/folder")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/folder holds no config.json; expected a folder with ...
"""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.architectures.pretrained.cross_encoder import crossed, is_crossed
from cartograd.architectures.pretrained.filled import at_size, filled
from cartograd.architectures.pretrained.peft_folder import adapted, base_of, is_peft
from cartograd.architectures.pretrained.published_config import sections, settled
from cartograd.architectures.pretrained.published_folder import configuration, tensors_of
from cartograd.architectures.pretrained.published_mxfp4 import in_floats
from cartograd.architectures.pretrained.published_pictures import standardised
from cartograd.architectures.pretrained.published_text_part import SEES, of_texts, texts_alone
from cartograd.architectures.pretrained.published_writing import writes
from cartograd.architectures.pretrained.sentence_decoder import (
    READERS,
    sentence_decoder,
    writes_texts,
)
from cartograd.architectures.pretrained.sentence_folder import (
    DENSE,
    MODULES,
    kinds_of,
    sentence_encoder,
)
from cartograd.architectures.pretrained.sentence_kin import ENCODERS, sentence_kin
from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.outline import check_sizes
from cartograd.core.signed import Signed
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.tokens import fit

CARD = Card(
    name="hf",
    kind="weights",
    entry="hf",
    title="Hugging Face folder",
    zh="Hugging Face 模型文件夹",
    proofs=(
        "oracle: transformers on small folders of each family, with ten keys changed one by one: "
        "the same numbers and the pipelines' answers, or refused by name",
        "law: weights in one file, in several with an index, or with a prefix are the same",
        "oracle: peft's LoRA on BERT, GPT-2 and ViT folders, logits to 1e-5",
    ),
)

WRITING = ("next-token", "translate", "transcribe")
"""Tasks of models that write."""

OUTPUT = "lm_head.weight"
"""The matrix that scores tokens, where the file has one."""

EMBEDDING = re.compile(r"(?:\w+\.)?(?:embed_tokens|shared|wte|tokens_embed)\.weight")
"""The matrix that it may be tied to."""


def hf(
    path: str | Path, /, *, size: int | None = None, onto: str | None = None,
    prompt: str | None = None, compares: bool = False,
) -> Signed:  # fmt: skip
    """The model of a folder with config.json, *.safetensors and (for text) tokenizer.json.

    Args:
        path: the folder; one of PEFT holds changes (LoRA), which are put into their model.
        size: height and width of the pictures to look at, where they are not those of the folder;
            positions are interpolated.
        onto: of an adapter the folder of its model, where that is not where the adapter says.
        prompt: of a model that embeds or compares texts the name of a prompt of its folder
            (`query`), which goes with each text.
        compares: whether the model reads two texts, a query and a document, where its folder does
            not say so: a classifier, or a decoder that writes yes or no as Qwen3-Reranker does.

    Raises:
        UsageError: something is missing, damaged, of an unknown family, or does not fit together;
            or the model cannot take pictures of another size.
    """
    folder = Path(path)
    if onto is not None and not is_peft(folder):
        raise UsageError(f"onto={onto} is for an adapter of PEFT, and {folder} holds none")
    base = base_of(folder, onto) if is_peft(folder) else folder
    said = configuration(base)
    pairs = compares or is_crossed(base, said)
    if pairs and not (base / MODULES).is_file() and writes_texts(said, _family(base, said)):
        found = sentence_decoder(folder, _family(base, said), prompt=prompt, judges=True)
    elif pairs and not ((base / MODULES).is_file() and kinds_of(base) != ["Transformer"]):
        found = _whole(folder, base, pairs=True, prompt=prompt)
    elif (base / MODULES).is_file():
        found = _of_texts(folder, prompt)
    elif prompt is not None:
        raise UsageError(
            f"prompt={prompt} is for folders of sentence-transformers, and {folder} has no "
            f"{MODULES}"
        )
    else:
        found = _whole(folder, base)
    if compares and not found.signature.input.pair:
        raise UsageError(f"compares=true, and {base / MODULES} says that the model embeds texts")
    return found if size is None else at_size(found, size, source=str(folder))


def _of_texts(folder: Path, prompt: str | None) -> Signed:
    """A model that embeds or compares texts."""
    if is_peft(folder):
        return sentence_encoder(folder, prompt=prompt)
    family = _family(folder, of_texts(configuration(folder)))
    if family.MODEL in READERS:
        return sentence_decoder(folder, family, prompt=prompt)
    plain = family.MODEL == "bert" and configuration(folder)["model_type"] == "bert"
    if family.MODEL in ENCODERS and not (plain and DENSE not in kinds_of(folder)):
        return sentence_kin(folder, family, prompt=prompt)
    return sentence_encoder(folder, prompt=prompt)


def _whole(folder: Path, base: Path, *, pairs: bool = False, prompt: str | None = None) -> Signed:
    family, config, tensors = described(folder, base)
    keys: Any = family.KEYS
    try:
        spec, signature = family.spec(config), family.signature(config)
        check_sizes(spec, tensors, str(folder))  # a table has a name for each expert
        table: Any = keys(config) if callable(keys) else keys
    except KeyError as error:
        raise UsageError(f"{folder / 'config.json'} lacks {error}") from error
    tokenizer, home = None, folder if (folder / "tokenizer.json").is_file() else base
    if (home / "tokenizer.json").is_file():
        tokenizer = Tokenizer.from_folder(home)
        for port in signature.inputs:
            if port.kind == "text":
                fit(tokenizer.vocabulary, None, port)
        _check_padding(config, tokenizer)
        if signature.task.name in WRITING:
            tokenizer = writes(base, config, tokenizer)
    if pairs:
        spec, signature, tokenizer = crossed(base, config, spec, signature, tokenizer, prompt)
    return filled(spec, signature, tensors, table, source=str(folder), tokenizer=tokenizer)


def described(
    folder: Path, base: Path | None = None, /
) -> tuple[Any, dict[str, Any], dict[str, Tensor]]:
    """The module that knows a folder's family, its configuration, understood, and its tensors.

    Args:
        folder: what is read.
        base: of an adapter the folder of its model.

    Raises:
        UsageError: as `hf`.
    """
    base = base or folder
    whole = configuration(base)
    if is_peft(folder):
        family = _family(base, whole)
        said, tensors = adapted(folder, base, family)
    else:
        said = of_texts(whole)
        family = _family(base, said)
        said, tensors = in_floats(said, tensors_of(folder))
        tensors = texts_alone(tensors, folder) if whole["model_type"] == SEES else tensors
    config = settled(said, family.READS, own_output=own_output(tensors))
    if config["model_type"] == "bart":
        tensors = family.completed(tensors, config)
    if "image_size" in family.READS:
        config |= standardised(base, config)
    return family, config, tensors


def own_output(tensors: Mapping[str, Tensor], /) -> bool:
    """Whether tokens are scored by another matrix than they are read by."""
    scores = tensors.get(OUTPUT)
    return scores is not None and not any(
        EMBEDDING.fullmatch(name) and torch.equal(tensor, scores)
        for name, tensor in tensors.items()
    )


def families() -> list[str]:
    """The values of `model_type` that are known."""
    names = (file.stem.removeprefix("hf_") for file in Path(__file__).parent.glob("hf_*.py"))
    return sorted(
        hyphened if (hyphened := name.replace("_", "-")) in sections() else name for name in names
    )


def _family(folder: Path, config: dict[str, Any]) -> Any:
    """The module that knows this kind of model."""
    family = str(config.get("model_type"))
    if family not in families():
        raise unknown("model_type", family, families(), hint=f"({folder / 'config.json'})")
    return import_module(f"{__package__}.hf_{family.replace('-', '_')}")


def _check_padding(config: Mapping[str, Any], tokenizer: Tokenizer) -> None:
    """Refuse a model whose padding is another token than the tokenizer's."""
    said = config.get("pad_token_id")
    if None not in (said, tokenizer.padding) and said not in (tokenizer.padding, -1):
        raise UsageError(
            f"config.json: pad_token_id={said}, and the tokenizer's padding is "
            f"{tokenizer.padding}; which is right?"
        )
