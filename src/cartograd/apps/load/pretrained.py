"""Published weights by name: imported once into the cache as a bundle, read from there after."""

import hashlib
import inspect
from pathlib import Path

import torch
from torch import Tensor

import cartograd
from cartograd.architectures.pretrained.peft_folder import base_of, is_peft
from cartograd.core import registry
from cartograd.core.build import build, entry
from cartograd.core.cache import cache_folder
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.plan import generator
from cartograd.data.store import packages
from cartograd.engine.files import bundle
from cartograd.engine.files.bundle import Bundle

LENGTH = {"text": 8, "audio": 16_000}
"""How long an example is made along a dimension without a size."""


def pretrained(spec: str | Spec, /) -> Signed:
    """The model of pretrained weights, in evaluation mode.

    Args:
        spec: `"hf:FOLDER"`, or the name of a set in the store.

    Raises:
        UsageError: an unknown name, a path that is missing or not wanted, a set that has not been
            fetched, or what is wrong with the files.
    """
    spec = Spec.parse(spec)
    card, _ = registry.find(spec.name, kind="weights")
    if spec.subject is None and _path(card).default is inspect.Parameter.empty:
        raise UsageError(f"{card.name} needs a path: {card.name}:PATH")
    return build(spec, kind="weights")()


def import_(spec: str | Spec, folder: str | Path, /, *, replace: bool = False) -> Path:
    """Write pretrained weights as a bundle, which every other verb reads.

    Args:
        spec: `"hf:FOLDER"`, or the name of a set in the store.
        folder: the bundle to make.
        replace: put it in the place of one that is there.

    Raises:
        UsageError: as `pretrained`, or the folder is there already or cannot be written.
    """
    if not replace and Path(folder).exists():
        raise UsageError(f"{folder} exists already; choose another name or remove it")
    spec = Spec.parse(spec)
    model = pretrained(spec)
    about = {"weights": str(spec)} | _origin(spec)
    examples = specimens(model.signature)
    return bundle.write_bundle(folder, model, examples=examples, about=about, replace=replace)


def kept(spec: str | Spec, /) -> Bundle:
    """The bundle of pretrained weights in the cache, made if it is not there.

    Raises:
        UsageError: as `import_`.
    """
    spec = Spec.parse(spec)
    folder = cache_folder() / "weights" / f"{spec.name}-{_key(spec)}"
    if folder.is_dir():
        try:
            return bundle.load(folder)
        except UsageError:
            pass  # damaged, or of an older version of the model's code: made again
    return bundle.load(import_(spec, folder, replace=True))


def specimens(signature: Signature, /, examples: int = 2) -> tuple[Tensor, ...]:
    """Inputs that the ports allow, always the same: a bundle keeps the model's answers to them."""
    sizes: dict[int | str, int] = {}
    found = []
    for port in signature.inputs:
        for dim in port.dims:  # a letter is the same size wherever it stands
            sizes.setdefault(dim, dim if isinstance(dim, int) else LENGTH.get(port.kind, 64))
        shape = (examples, *(sizes[dim] for dim in port.dims))
        draw = generator("specimens", port.name)
        low, high = port.bounds or (-1.0, 1.0)
        if port.dtype.startswith("int"):
            first = int(low) + (port.padding_id == int(low))
            found.append(torch.randint(first, int(high) + 1, shape, generator=draw))
        else:
            dtype = getattr(torch, port.dtype)
            drawn = torch.rand(shape, generator=draw, dtype=dtype)
            found.append(drawn * (high - low) + low)
    return tuple(found)


def _path(card: Card) -> inspect.Parameter:
    """The one file or folder that pretrained weights are read from."""
    parameters = inspect.signature(entry(card)).parameters.values()
    return next(item for item in parameters if item.kind is inspect.Parameter.POSITIONAL_ONLY)


def _origin(spec: Spec) -> dict[str, str]:
    """Where a set of the store comes from."""
    if spec.subject is not None or spec.name not in packages.names():
        return {}
    item = packages.show(spec.name)
    return {"source": item.source, "licence": item.licence, "package": item.package}


def _key(spec: Spec) -> str:
    """A hash of the spec, of the state of its files, and of our version."""
    words = [cartograd.__version__, str(spec)]
    if spec.subject is None:
        words += [packages.show(spec.name).package] if spec.name in packages.names() else []
    else:
        path = Path(spec.subject).resolve()
        roots = [path, base_of(path, spec.args.get("onto"))] if is_peft(path) else [path]
        for file in (file for root in roots for file in _files(root)):
            state = file.stat() if file.is_file() else None
            words.append(f"{file} {state and (state.st_size, state.st_mtime_ns)}")
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


def _files(path: Path) -> list[Path]:
    return sorted(path.rglob("*")) if path.is_dir() else [path]
