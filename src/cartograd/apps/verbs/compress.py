"""Compress: a smaller or faster model that does nearly the same, and its bundle."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cartograd.apps.load.as_learned import as_learned
from cartograd.apps.load.parts import trained_on
from cartograd.apps.load.source import Data, examples_for
from cartograd.apps.load.target import Target, as_bundle, as_signed, name_of
from cartograd.apps.replace.between import between
from cartograd.apps.replace.margin import Given, check_judge
from cartograd.apps.replace.replace import replace
from cartograd.apps.results.compressed import Compressed
from cartograd.core.build import build, resolve
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.narrowed import narrowing_of
from cartograd.core.protocols import Batch, Batches, Compressor
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.engine.files.program import check_code
from cartograd.engine.files.tensor_files import read_tensors
from cartograd.practice.compression.quicker import told

METHOD = "int8-weights"


def compress(
    target: Target,
    data: Data | None = None,
    /,
    *,
    method: str | Spec = METHOD,
    part: str = "train",
) -> Signed:
    """A compressed copy of a model.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: examples to calibrate or train on, or a dataset or its spec, of which `part` is
            taken; by default those that the model was trained on, if they are known. Some methods
            need none, and read none.
        method: spec of a compressor.
        part: `train`, `valid`, `test` or `all`.

    Raises:
        UsageError: the model, the method or the data is none, or the method cannot do without data.
    """
    model = as_signed(target)
    check_code(model, "its weights")
    card, spec = resolve(method, kind="compressor")
    compressor: Compressor = build(spec, kind="compressor")
    own = trained_on(target)
    batches = None
    if data is not None:
        batches = _batches(model, as_learned(data, own)[0], part)
    elif isinstance(own, str):
        batches = Later(lambda: _batches(model, own, part))
    made = compressor(model, batches)
    name = _spec(model, made, Spec(card.name, spec.args))
    small = Signed(
        made.model if isinstance(made, Signed) else made, model.signature, tokenizer=model.tokenizer
    )
    small.spec = name
    return small.eval()


def _batches(model: Signed, data: Data, part: str) -> Batches:
    return examples_for(model.signature, data, part, tokenizer=model.tokenizer).batches()


class Later:
    """Batches that are read when somebody asks for them.

    Args:
        read: gives them.
    """

    def __init__(self, read: Callable[[], Batches]):
        self._read = cache(read)

    def __len__(self) -> int:
        return len(self._read())

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch."""
        return self._read().epoch(number, seed=seed, start=start)


def compress_to(
    target: Target,
    path: str | Path,
    data: Data | None = None,
    /,
    *,
    method: str | Spec = METHOD,
    part: str = "train",
    margin: Given = "",
) -> Compressed:
    """Compress a model and write it as a bundle that every verb reads.

    Args:
        target: a run, a bundle, the path of one, or published weights.
        path: the folder to make.
        data: as of `compress`.
        method: spec of a compressor.
        part: `train`, `valid`, `test` or `all`, of what it is calibrated on.
        margin: how much worse it may be, as of `replace`: `accuracy=1%`; judged on `test` of the
            data, by default of those that the model was trained on.

    Raises:
        UsageError: as there; the folder exists; no bundle can hold what the method makes, since it
            cannot be built again by name; or there is a margin and nothing to judge by.
    """
    check_judge(None, margin)
    resolve(method, kind="compressor")
    if Path(path).exists():
        raise UsageError(f"{path} exists already; choose another folder")
    bundle = as_bundle(target)
    small = compress(bundle, data, method=method, part=part)
    if small.spec is None:
        raise UsageError(
            f"{name_of(bundle.model)} was not made by name, so no bundle can hold its compressed "
            "form; keep it in Python: cartograd.compress(model)"
        )
    examples = _examples(bundle.path)
    about: dict[str, Any] = {key: bundle.about[key] for key in KEPT if key in bundle.about}
    written = write_bundle(
        path, small, examples=examples or None, reference=bundle.reference,
        about=about | {"compressed": str(Spec.parse(method)), "compressed from": bundle.digest},
    )  # fmt: skip
    try:
        load(written)
    except (UsageError, RuntimeError) as error:
        shutil.rmtree(written)
        raise UsageError(
            f"{method} makes a model that cannot be built again by name, so no bundle can hold it "
            f"({error}); keep it in Python: cartograd.compress(model, method={str(method)!r})"
        ) from error
    where = between(bundle.model, small, examples[0]) if len(examples) == 1 else None
    return Compressed(
        written,
        str(Spec.parse(method)),
        weight(bundle.model),
        weight(small),
        _difference(bundle.model, small, examples),
        None if where is None else (where.changed, where.asked),
        where.parting.sentence if where is not None and where.changed else "",
        replace(target, written, data, margin=margin) if margin else None,
        told([small]),
        None if where is None else where.pixels,
    )


KEPT = ("data", "source", "settings", "steps", "epoch", "train examples")
"""Entries of a bundle's `about` that also hold for its compressed form."""


def weight(model: nn.Module, /) -> int:
    """Bytes of a model's weights and buffers, shared ones once."""
    tensors = {tensor.data_ptr(): tensor for tensor in model.state_dict().values()}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _spec(model: Signed, made: nn.Module, method: Spec) -> Spec | None:
    """The spec from which the compressed model is built again."""
    own = made.spec if isinstance(made, Signed) else None
    if own is not None and own != model.spec:
        return own
    inner = made.model if isinstance(made, Signed) else made
    same = _shapes(inner) == _shapes(model.model)
    if same or model.spec is None or narrowing_of(inner) != narrowing_of(model.model):
        return model.spec  # the sizes of a pruned model are kept beside its spec
    return Spec(method.name, method.args | {"model": model.spec})


def _shapes(model: nn.Module) -> dict[str, Any]:
    return {name: (item.shape, item.dtype) for name, item in model.state_dict().items()}


def _examples(folder: Path) -> tuple[torch.Tensor, ...]:
    file = folder / "golden.safetensors"
    if not file.exists():
        return ()
    kept = read_tensors(file)
    return tuple(kept[f"input{number}"] for number in range(len(kept) - 1))


def _difference(model: Signed, small: Signed, examples: tuple[torch.Tensor, ...]) -> float | None:
    if not examples:
        return None
    with evaluating(model), evaluating(small), torch.inference_mode():
        before, after = model(*examples), small(*examples)
    return float((after - before).abs().max() / before.abs().max().clamp(min=1e-12))
