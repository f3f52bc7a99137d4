r"""A folder as Hugging Face keeps models: config.json, *.safetensors and tokenizer.json.

`model_type` in config.json names the family; `hf_FAMILY.py` beside this file knows it. Such a file
gives `spec(config)` (how our model is made), `signature(config)` (what it takes and gives) and
`KEYS`, the key map, or a function from the configuration to one. Weights may lie in one file or in
several with an index. Nothing is ever unpickled: a folder that has only `pytorch_model.bin` is
refused.

Shapes: as those of the model that comes out.

References:
    Hugging Face: Safetensors. 2022. https://huggingface.co/docs/safetensors

>>> hf("no/such/folder")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/folder holds no config.json; expected a folder with ...
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor

from cartograd.architectures.pretrained.filled import filled
from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.signed import Signed
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.engine.files.tensor_files import read_tensors

CARD = Card(
    name="hf",
    kind="weights",
    entry="hf",
    title="Hugging Face folder",
    zh="Hugging Face 模型文件夹",
    proofs=("law: weights in one file, in several with an index, or with a prefix are the same",),
)

INDEX = "model.safetensors.index.json"
"""Which of several files each tensor is in."""


def hf(path: str | Path, /) -> Signed:
    """The model of a folder with config.json, *.safetensors and (for text) tokenizer.json.

    Args:
        path: the folder.

    Raises:
        UsageError: something is missing, damaged, of an unknown family, or does not fit together.
    """
    folder = Path(path)
    config = configuration(folder)
    family = _family(folder, config)
    keys: Any = family.KEYS
    try:
        spec, signature = family.spec(config), family.signature(config)
        table: Any = keys(config) if callable(keys) else keys
    except KeyError as error:
        raise UsageError(f"{folder / 'config.json'} lacks {error}") from error
    has_tokenizer = (folder / "tokenizer.json").is_file()
    tokenizer = Tokenizer.from_folder(folder) if has_tokenizer else None
    tensors = tensors_of(folder)
    return filled(spec, signature, tensors, table, source=str(folder), tokenizer=tokenizer)


def configuration(folder: Path, /) -> dict[str, Any]:
    """What config.json says.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise UsageError(
            f"{folder} holds no config.json; expected a folder with config.json and *.safetensors, "
            "as Hugging Face keeps models"
        )
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise UsageError(f"{file} is no configuration: it holds a {type(config).__name__}")
    return config


def families() -> list[str]:
    """The values of `model_type` that are known."""
    names = (file.stem.removeprefix("hf_") for file in Path(__file__).parent.glob("hf_*.py"))
    return sorted(name.replace("_", "-") for name in names)


def tensors_of(folder: Path, /) -> dict[str, Tensor]:
    """Every tensor of a folder's safetensors.

    Raises:
        UsageError: there are none, a file is missing or damaged, or there is only a pickle.
    """
    files = sorted(folder.glob("*.safetensors"))
    index = folder / INDEX
    if index.is_file():
        files = _listed(index)
    if not files:
        pickled = sorted(file.name for kind in ("*.bin", "*.pt") for file in folder.glob(kind))
        hint = f"; {pickled[0]} is a pickle, which could run code: convert it" if pickled else ""
        raise UsageError(f"{folder} holds no *.safetensors{hint}")
    tensors: dict[str, Tensor] = {}
    for file in files:
        for name, tensor in read_tensors(file).items():
            if name in tensors:
                raise UsageError(f"{folder}: {name!r} is in two files; which one is meant?")
            tensors[name] = tensor
    return tensors


def _listed(index: Path) -> list[Path]:
    """The files of an index, each of which must be there."""
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{index} cannot be read: {error}") from error
    files = [index.parent / Path(name).name for name in names]
    lacking = [file.name for file in files if not file.is_file()]
    if lacking:
        raise UsageError(
            f"{index.parent} lacks {lacking[0]}, one of the {len(files)} files of its index; "
            "was it fetched wholly?"
        )
    return files


def _family(folder: Path, config: dict[str, Any]) -> Any:
    """The module that knows this kind of model."""
    family = str(config.get("model_type"))
    if family not in families():
        raise unknown("model_type", family, families(), hint=f"({folder / 'config.json'})")
    return import_module(f"{__package__}.hf_{family.replace('-', '_')}")
