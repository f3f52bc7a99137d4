"""Judges of a data set: two small classifiers that measure drawn examples, and guide none.

One gives the features by which drawn and real examples are compared, the other, of another design
and from another start, says of which class an example is: a model that pleased the first by chance
does not please both. They are trained when they are first needed and kept in the cache, under the
digest of what they were trained on and how.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blake3 import blake3

from cartograd.apps.load.located import located
from cartograd.apps.load.target import as_bundle
from cartograd.apps.verbs.judge import Judges
from cartograd.apps.verbs.train import train
from cartograd.core.cache import cache_folder
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.seen_classes import has_classes, only_class
from cartograd.engine.files.bundle import Bundle

FEATURES, CLASSES = ("lenet5", 101), ("resnet:depth=8,width=16", 202)
"""Spec and seed of the judge of features and of the one of classes."""

SEVERAL = 20_000
"""Of so many training examples on two epochs are enough."""

SOME = ("only", "without")
"""Arguments of sources that leave classes out."""

LOOKED = 1000
"""Training examples that tell data of one name apart."""

Said = Callable[[str], object]
"""Told of what takes a while."""


def has_judges(data: Dataset, /) -> bool:
    """Whether there are judges of such examples: pictures with classes to tell apart."""
    return data.signature.input.kind == "image" and has_classes(data) and only_class(data) is None


def of_all_classes(data: Any, /) -> Any:
    """The same data with the classes that a model was trained without: a judge knows all."""
    if not isinstance(data, str | Path | Spec):
        return data
    spec = located(data)
    kept = {key: value for key, value in spec.args.items() if key not in SOME}
    return spec if kept == spec.args else Spec(spec.name, kept, spec.subject)


def judges_of(data: Dataset, /, *, said: Said = lambda _: None) -> Judges:
    """The judges of a data set, trained now if they never were.

    Args:
        data: pictures with classes.
        said: told of each judge that is trained.

    Raises:
        UsageError: the examples are no pictures, or have no classes.
    """
    if not has_judges(data):
        raise UsageError(
            f"{data.name} has no judges: these are classifiers of pictures with classes, at least "
            "two; take such pictures, or leave the judge out"
        )
    return judges_by(*(_kept(data, *one, said) for one in (FEATURES, CLASSES)))


def judges_by(features: Bundle, classes: Bundle, /) -> Judges:
    """The judges of two bundles."""
    digest = blake3(f"{features.digest}{classes.digest}".encode()).hexdigest()[:12]
    return Judges(features.model, classes.model, digest)


def _kept(data: Dataset, spec: str, seed: int, said: Said) -> Bundle:
    """A judge's bundle, from the cache or trained."""
    few = data.train.select(range(min(LOOKED, len(data.train))))
    settings: dict[str, Any] = {"seed": seed} | ({"epochs": 2} if len(data.train) > SEVERAL else {})
    told = f"{data.name} {len(data.train)} {spec} {sorted(settings.items())}".encode()
    mark = blake3(told + few.inputs.contiguous().numpy().tobytes()).hexdigest()[:16]
    path = cache_folder() / "judges" / f"{data.name}-{spec.partition(':')[0]}-{mark}"
    if not (path / "bundle").is_dir():
        said(f"training a judge of {data.name} ({spec}), once: it is kept in {path}")
        _made(path, data, spec, settings)
    return as_bundle(path)


def _made(path: Path, data: Dataset, spec: str, settings: dict[str, Any]) -> None:
    """Train beside the place and move there at the end, so that it is whole or absent."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        train(spec, data, folder=beside, **settings)
        shutil.rmtree(path, ignore_errors=True)
        beside.replace(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
