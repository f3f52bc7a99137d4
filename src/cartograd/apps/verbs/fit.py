"""Fit as users call it: the engine's loop, and a bundle in the run folder for later verbs.

What makes bundles is imported when a run has a folder: it is half of all that would be imported.
"""

import os
import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.engine.loop.arguments import model_of, player_names
from cartograd.engine.loop.fit import Run
from cartograd.engine.loop.fit import fit as engine_fit

P = ParamSpec("P")


def _with_bundle(loop: Callable[P, Run]) -> Callable[P, Run]:
    """The same call, that leaves a bundle; a warning says before the training where it cannot."""

    @wraps(loop)
    def fit(*args: P.args, **options: P.kwargs) -> Run:
        folder = options.get("folder")
        model = _to_keep(args[0], folder) if args and folder is not None and _leads() else None
        run = loop(*args, **options)
        if model is not None and run.folder is not None and run.stopped != "interrupted":
            from cartograd.apps.verbs.kept_bundle import keep_bundle

            about = {"steps": run.steps, "epoch": run.best.get("epoch")}
            keep_bundle(run.folder, model, _examples(model), about=about)
        return run

    return fit


def _to_keep(objective: object, folder: object) -> Signed | None:
    """The model of an objective if its bundle can be kept; otherwise a warning says why not."""
    from cartograd.apps.load.target import as_signed
    from cartograd.apps.verbs.kept_bundle import rehearse_bundle

    player_names(objective)
    try:
        found = model_of(objective, ())
        if not isinstance(found, nn.Module):
            raise UsageError("the objective has no player called model")
        model = as_signed(found)
        rehearse_bundle(model, _examples(model))
    except UsageError as error:
        warnings.warn(f"{folder} will have no bundle: {error}", stacklevel=4)
        return None
    return model


def _examples(model: Signed) -> tuple[Tensor, ...]:
    from cartograd.apps.load.pretrained import specimens

    return specimens(model.signature)


def _leads() -> bool:
    return os.environ.get("RANK", "0") == "0"


fit = _with_bundle(engine_fit)
"""`cartograd.engine.loop.fit.fit`, which with `folder=` leaves a bundle as `train` does.

The bundle of a module that cannot be built by name is read by `load(folder, model=MyModel())`.
"""
