"""An adapter apart from its base: what was learned, and which weights it belongs to.

adapter.safetensors     the changes, and tensors that are new as a whole
adapter.json            the adapter's spec, the base and the digest of its weights, the model's spec
                        and signature
manifest.json           size and BLAKE3 of both
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeGuard

import torch
from blake3 import blake3
from torch import Tensor

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.files import check_manifest, write_folder, write_manifest
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.files.documents import document
from cartograd.engine.files.rebuild import made
from cartograd.engine.files.tensor_files import load_into, plain_names, read_tensors, write_tensors
from cartograd.training.adapters.beside import kept_names, merged

FILE = "adapter.json"


def is_adapter(target: object, /) -> TypeGuard[str | Path]:
    """Whether a path is that of an adapter.

    >>> is_adapter("runs")
    False
    """
    return isinstance(target, str | Path) and (Path(target) / FILE).is_file()


def write_adapter(path: str | Path, model: Signed, /, *, adapter: str | Spec, base: str) -> Path:
    """Write what a model has learned beside its base; whole or not at all.

    Args:
        path: the folder to make.
        model: with the adapter on it, as it was trained.
        adapter: spec of the adapter.
        base: what the training began from.

    Raises:
        UsageError: the model cannot be built by name.
    """
    state = plain_names(model.model.state_dict())
    own, others = kept_names(model.model)
    if model.spec is None:
        raise UsageError(
            f"{type(model.model).__name__} is a module of your own; its adapter is in the bundle"
        )
    said = {
        "adapter": str(adapter),
        "base": str(Path(base).absolute()) if Path(base).exists() else base,
        "digest": digest((name, state[name]) for name in others),
        "tensors": others,
        "model": model.spec.to_json(),
        "signature": model.signature.to_json(),
        "parameters": sum(state[name].numel() for name in own),
    }
    with write_folder(path, replace=True) as folder:
        write_tensors(folder / "adapter.safetensors", {name: state[name] for name in own})
        text = json.dumps(said, indent=1, ensure_ascii=False)
        (folder / FILE).write_text(text, encoding="utf-8")
        write_manifest(folder)
    return Path(path)


def read_adapter(
    path: str | Path, base_of: Callable[[str], Signed], /, *, base: Signed | None = None
) -> Signed:
    """The model of an adapter on its base, merged, in evaluation mode.

    Args:
        path: the adapter's folder.
        base_of: reads the base that the folder names.
        base: the base itself, wherever it is.

    Raises:
        UsageError: a byte was changed, or the base is not there or another one.
    """
    folder = Path(path)
    check_manifest(folder)
    said = document(folder, "adapter")
    if base is None:
        try:
            base = base_of(said["base"])
        except UsageError as error:
            raise UsageError(f"{folder} belongs to {said['base']}, and {error}") from error
    weights = plain_names(base.model.state_dict())
    missing = [name for name in said["tensors"] if name not in weights]
    if missing:
        raise another(folder, said, f"has no {missing[0]}")
    state = {name: weights[name] for name in said["tensors"]}
    learned = read_tensors(folder / "adapter.safetensors")
    with torch.random.fork_rng(devices=[]):
        spec, signature = Spec.from_json(said["model"]), Signature.from_json(said["signature"])
        whole = state | {name: one for name, one in learned.items() if name not in state}
        try:
            model = _made(folder, spec, signature, said["adapter"], whole)
            load_into(model.model, whole, str(folder))
        except UsageError as error:
            if digest(state.items()) == said["digest"]:
                raise
            raise another(folder, said, "has other weights") from error
    found = plain_names(model.model.state_dict())  # an adapter may have rounded the base's
    if digest((name, found[name]) for name in said["tensors"]) != said["digest"]:
        raise another(folder, said, "has other weights")
    model.tokenizer = base.tokenizer
    model.model = merged(model.model)
    return model.eval()


def _made(
    folder: Path, spec: Spec, signature: Signature, adapter: str, whole: dict[str, Any]
) -> Signed:
    """The model with its adapter, whose numbers come later."""
    plain = {name: one for name, one in whole.items() if ".adapter." not in f".{name}"}
    model = made(spec, signature, plain, str(folder))
    build(adapter, kind="adapter")(model.model)
    return model


def another(folder: Path, said: dict[str, Any], why: str, /) -> UsageError:
    """That what is there is another base than that of an adapter."""
    return UsageError(
        f"{folder} belongs to {said['base']} as it was, digest {said['digest'][:12]}; what is "
        f"there {why}. Give the one that it was trained on"
    )


def digest(state: Iterable[tuple[str, Tensor]], /) -> str:
    """BLAKE3 of tensors with their names, types and shapes, in any order.

    >>> a, b = ("a", torch.zeros(2)), ("b", torch.ones(2))
    >>> digest([a, b]) == digest([b, a]), digest([a]) == digest([("c", a[1])])
    (True, False)
    """
    whole = blake3()
    for name, tensor in sorted(state, key=lambda item: item[0]):
        plain = tensor.detach().cpu().contiguous()
        whole.update(f"{name} {plain.dtype} {tuple(plain.shape)}\n".encode())
        whole.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()
