"""`torch.compile` where it works, and the plain module where it does not."""

import warnings
from collections.abc import Callable
from typing import Any

from torch import nn

from cartograd.core.errors import UsageError
from cartograd.engine.device.device import check_compiler


def compile_in_place(modules: list[nn.Module], /) -> Callable[[], None]:
    """Compile modules in place, so that the names of their weights stay as they are.

    Each falls back by itself at its first failure: without a compiler, or when a graph cannot be
    built. There is one warning, and the call that failed is answered by the plain module.

    Returns:
        What makes the modules plain again.
    """
    try:
        check_compiler()
    except UsageError as error:
        warnings.warn(f"training goes on without compiling: {error}", stacklevel=3)
        return lambda: None
    before = [module._compiled_call_impl for module in modules]
    warned: list[str] = []
    for module in modules:
        _compile(module, warned)

    def undo() -> None:
        for module, implementation in zip(modules, before, strict=True):
            module._compiled_call_impl = implementation

    return undo


def _compile(module: nn.Module, warned: list[str]) -> None:
    module.compile()
    compiled: Any = module._compiled_call_impl

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return compiled(*args, **kwargs)
        except Exception as error:
            module._compiled_call_impl = None
            answer = module(*args, **kwargs)  # an error of the module itself comes from here
            if not warned:
                line = str(error).strip().partition("\n")[0]
                name = type(module).__name__
                told = f"{name} cannot be compiled ({type(error).__name__}: {line[:200]})"
                warnings.warn(f"training goes on without compiling: {told}", stacklevel=2)
            warned.append(str(error))
            return answer

    module._compiled_call_impl = call
