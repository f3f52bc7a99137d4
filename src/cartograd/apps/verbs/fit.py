"""Fit as users call it: the engine's loop, and a bundle in the run folder for later verbs."""

import os
import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from torch import nn

from cartograd.apps.load.pretrained import specimens
from cartograd.apps.load.target import as_signed
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import write_bundle
from cartograd.engine.loop.fit import Run
from cartograd.engine.loop.fit import fit as engine_fit

P = ParamSpec("P")


def keep_bundle(run: Run, /) -> None:
    """Write a run's model as `bundle` into its folder; a warning says why where it cannot be."""
    if run.folder is None or run.stopped == "interrupted" or os.environ.get("RANK", "0") != "0":
        return
    try:
        if not isinstance(run.model, nn.Module):
            raise UsageError("the objective has no player called model")
        model = as_signed(run.model)
        examples = tuple(specimens(port) for port in model.signature.inputs)
        about = {"steps": run.steps, "epoch": run.best.get("epoch")}
        write_bundle(run.folder / "bundle", model, examples=examples, about=about, replace=True)
    except UsageError as error:
        warnings.warn(f"{run.folder} has no bundle: {error}", stacklevel=3)


def _with_bundle(loop: Callable[P, Run]) -> Callable[P, Run]:
    """The same call, that leaves a bundle."""

    @wraps(loop)
    def fit(*args: P.args, **options: P.kwargs) -> Run:
        run = loop(*args, **options)
        keep_bundle(run)
        return run

    return fit


fit = _with_bundle(engine_fit)
"""`cartograd.engine.loop.fit.fit`, which with `folder=` leaves a bundle as `train` does.

The bundle of a module that cannot be built by name is read by `load(folder, model=MyModel())`.
"""
