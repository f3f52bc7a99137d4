"""An adapter as a folder of PEFT, for the same model in Hugging Face's words.

Layers are named by the family's table, turned round (`published_back`); the thin matrices stay as
they are. `hf:FOLDER,onto=MODEL` reads such a folder.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.load.adapter_folder import another, digest, is_adapter
from cartograd.apps.load.target import as_signed
from cartograd.architectures.pretrained.peft_folder import FILE, PREFIX
from cartograd.architectures.pretrained.published_back import folder_of
from cartograd.architectures.pretrained.published_folder import ADAPTER
from cartograd.core.errors import UsageError
from cartograd.core.files import check_manifest, write_folder
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.files.documents import document
from cartograd.engine.files.tensor_files import plain_names, read_tensors, write_tensors

PARTS = {
    "lora": {"down.weight": "lora_A.weight", "up": "lora_B.weight"},
    "dora": {
        "turn.down.weight": "lora_A.weight", "turn.up": "lora_B.weight",
        "length": "lora_magnitude_vector",
    },
}  # fmt: skip
"""What the parts of a change are called, ours and PEFT's, by the adapter."""


def export_adapter(target: str | Path, path: str | Path, /) -> Path:
    """Write an adapter as PEFT keeps it: adapter_config.json and adapter_model.safetensors.

    Args:
        target: the adapter's folder, as `runs/ours/adapter`.
        path: the folder to make.

    Raises:
        UsageError: it is no adapter, or of a kind that PEFT keeps otherwise; its base is not there
            or another one; something was learned as a whole; or no family holds its base.
    """
    if not is_adapter(target):
        raise UsageError(f"{target} is no adapter; expected one, as RUN/adapter")
    folder = Path(target)
    check_manifest(folder)
    said = document(folder, "adapter")
    spec = Spec.parse(said["adapter"])
    if spec.name not in PARTS:
        raise UsageError(
            f"{folder} is of {spec.name}, whose base is rounded; PEFT keeps {', '.join(PARTS)}"
            "; export the run, which is merged"
        )
    base = as_signed(said["base"])
    weights = plain_names(base.model.state_dict())
    if any(name not in weights for name in said["tensors"]) or said["digest"] != digest(
        (name, weights[name]) for name in said["tensors"]
    ):
        raise another(folder, said, "is another one")
    learned = read_tensors(folder / "adapter.safetensors")
    tensors, names = _named(folder, learned, theirs(base), PARTS[spec.name])
    rank = spec.args.get("rank", 8)
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": said["base"],
        "r": rank, "lora_alpha": spec.args.get("alpha") or rank, "lora_dropout": 0.0,
        "bias": "none", "use_dora": spec.name == "dora", "fan_in_fan_out": False,
        "target_modules": names, "inference_mode": True,
    }  # fmt: skip
    with write_folder(path) as made:
        text = json.dumps(config, indent=1, ensure_ascii=False)
        (made / ADAPTER).write_text(text + "\n", encoding="utf-8")
        write_tensors(made / FILE, tensors, about={"format": "pt"})
    return Path(path)


def theirs(base: Signed, /) -> dict[str, str]:
    """The name in Hugging Face's folders of each layer whose weight stands there as it is."""
    found = {_place(tensor): name for name, tensor in folder_of(base).tensors.items()}
    return {
        name.removesuffix(".weight"): found[_place(tensor)].removesuffix(".weight")
        for name, tensor in base.model.state_dict().items()
        if _place(tensor) in found and name.endswith(".weight")
    }


def _place(tensor: Tensor) -> tuple[int, torch.Size, tuple[int, ...]]:
    """Where a tensor lies; a square one that was turned lies there otherwise."""
    return tensor.data_ptr(), tensor.shape, tensor.stride()


def _named(
    folder: Path, learned: dict[str, Any], theirs: dict[str, str], parts: dict[str, str]
) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors under PEFT's names, and the layers that they change."""
    tensors, names = dict[str, Tensor](), dict[str, None]()
    for name, tensor in learned.items():
        layer, beside, part = name.partition(".adapter.")
        if not beside:
            raise UsageError(
                f"{folder} holds {name}, which was learned as a whole; export the run, which is "
                "merged"
            )
        if layer not in theirs:
            raise UsageError(
                f"{folder} changes {layer}, whose weight stands otherwise in a folder of Hugging "
                "Face; export the run, which is merged"
            )
        tensors[f"{PREFIX}{theirs[layer]}.{parts[part]}"] = tensor
        names[theirs[layer]] = None
    return tensors, list(names)
