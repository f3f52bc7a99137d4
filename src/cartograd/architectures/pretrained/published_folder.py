"""The files of a folder as Hugging Face keeps models: config.json, and which tensors count.

As transformers does: model.safetensors if it is there, whatever lies beside it (`model.fp16...`),
else the files of the index. Nothing is ever unpickled.
"""

from pathlib import Path
from typing import Any

from torch import Tensor

from cartograd.architectures.pretrained.published_config import read_object, shown
from cartograd.core.errors import UsageError
from cartograd.engine.files.mapped_tensors import mapped_tensors

ADAPTER = "adapter_config.json"
"""That there are changes to a model's weights (LoRA and its kin)."""


def configuration(folder: Path, /, *, name: str = "config.json") -> dict[str, Any]:
    """What config.json, or another file of this kind, says.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    file = folder / name
    if not file.is_file():
        raise UsageError(
            f"{folder} holds no {name}; expected a folder with {name} and *.safetensors, as "
            "Hugging Face keeps models"
        )
    return read_object(file)


def tensors_of(folder: Path, /, *, stem: str = "model") -> dict[str, Tensor]:
    """The tensors of a folder's safetensors, whose names begin with `stem`; they stay in the files.

    Raises:
        UsageError: there are none, a file is missing or damaged, there is only a pickle, or it is
            unclear which file is meant.
    """
    whole, index = folder / f"{stem}.safetensors", folder / f"{stem}.safetensors.index.json"
    if whole.is_file():
        return mapped_tensors(whole)
    files = _listed(index) if index.is_file() else sorted(folder.glob("*.safetensors"))
    if not files:
        pickled = sorted(file.name for kind in ("*.bin", "*.pt") for file in folder.glob(kind))
        hint = f"; {pickled[0]} is a pickle, which could run code: convert it" if pickled else ""
        raise UsageError(f"{folder} holds no *.safetensors{hint}")
    if len(files) > 1 and not index.is_file():
        raise UsageError(
            f"{folder} holds {files[0].name} and {len(files) - 1} more *.safetensors, and neither "
            f"{whole.name} nor {index.name}; which is meant?"
        )
    tensors: dict[str, Tensor] = {}
    for file in files:
        for name, tensor in mapped_tensors(file).items():
            if name in tensors:
                raise UsageError(f"{folder}: {name!r} is in two files; which one is meant?")
            tensors[name] = tensor
    return tensors


def _listed(index: Path) -> list[Path]:
    """The files of an index, each of which must be there."""
    places = read_object(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise UsageError(
            f"{index} cannot be read: weight_map={shown(places)}; expected the name of a file for "
            "each tensor"
        )
    files = [index.parent / Path(name).name for name in sorted(set(places.values()))]
    lacking = [file.name for file in files if not file.is_file()]
    if lacking:
        raise UsageError(
            f"{index.parent} lacks {lacking[0]}, one of the {len(files)} files of its index; "
            "was it fetched wholly?"
        )
    return files
