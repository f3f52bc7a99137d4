"""Cartograd: a map of deep learning on which every place runs."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Card": "core.card",
    "Column": "core.ports",
    "Loss": "core.protocols",
    "Port": "core.ports",
    "Signature": "core.ports",
    "Spec": "core.spec",
    "UsageError": "core.errors",
    "build": "core.build",
    "use": "core.plugins",
    "sign": "core.signed",
    "fit": "engine.fit",
    "load": "engine.bundle",
    "rates": "engine.schedule",
    "tensors": "data.tensors",
    "dataset": "apps.verbs",
    "train": "apps.verbs",
    "evaluate": "apps.verbs",
    "predict": "apps.verbs",
    "explain": "apps.verbs",
    "generate": "apps.verbs",
    "attack": "apps.verbs",
    "compress": "apps.verbs",
    "export": "apps.verbs",
    "serve": "apps.verbs",
    "claim": "apps.verbs.claim",
}
"""Where each public name lives: found on first use, so that importing Cartograd stays instant."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cartograd' has no attribute {name!r}")
    value = getattr(import_module(f"cartograd.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
