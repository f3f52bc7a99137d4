"""Packages that tests compare with, imported by the first test that needs one."""

import gc
import importlib
import os
import warnings
from contextlib import nullcontext
from typing import Any

import pytest
import torch


class Reference:
    """Stands for a module; whatever is asked of it is asked of the module.

    Where not every reference has to be there (`CARTOGRAD_ALL_ORACLES` is not 1), a test that needs
    an absent one is skipped.

    Args:
        name: of the module.
        quiet: ignore what it warns of while it is imported.
    """

    def __init__(self, name: str, /, *, quiet: bool = False) -> None:
        self._name, self._quiet, self._module = name, quiet, None

    def __getattr__(self, name: str) -> Any:
        if self._module is None:
            quiet = warnings.catch_warnings(action="ignore") if self._quiet else nullcontext()
            # The first to need it may stand within a block on another device.
            with torch.device("cpu"), quiet:
                if os.environ.get("CARTOGRAD_ALL_ORACLES") == "1":
                    self._module = importlib.import_module(self._name)
                else:
                    self._module = pytest.importorskip(self._name)
            gc.freeze()  # it stays: no search for garbage needs to go through it
        return getattr(self._module, name)
