"""The run context: modes, flags and wrapped blocks, set for a run and restored after it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.engine.loop.candidates import contiguous, plain
from cartograd.engine.optim.recompute import recompute as recomputing


@contextmanager
def run_context(
    objective: Any, /, *, recompute: tuple[str, ...] | bool, deterministic: bool
) -> Iterator[None]:
    """Training mode and a run's other settings; threads and memory format are restored.

    Raises:
        UsageError: a block to recompute is unknown, or an operation has no deterministic form.
    """
    with ExitStack() as stack:
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        stack.callback(plain, contiguous(objective.players.values()))
        if deterministic:
            stack.enter_context(_deterministic())
        if recompute:
            _wrap(stack, objective, recompute)
        stack.enter_context(_training(objective))
        yield


def blocks(given: Any, /) -> tuple[str, ...] | bool:
    """Names of blocks to recompute, with commas or in a list; or whether to choose them.

    Raises:
        UsageError: it is neither.
    """
    if isinstance(given, str):
        given = [name.strip() for name in given.split(",")]
    if isinstance(given, bool) or given is None:
        return bool(given)
    if isinstance(given, list | tuple) and all(name and isinstance(name, str) for name in given):
        return tuple(given)
    raise UsageError(f"fit: recompute={given!r} is of the wrong type; expected true or names")


def _wrap(stack: ExitStack, objective: Any, asked: tuple[str, ...] | bool) -> None:
    """Wrap the blocks of the player that has them; names may begin with the player's."""
    players: dict[str, nn.Module] = objective.players
    if isinstance(asked, bool):
        errors = []
        for module in players.values():
            try:
                stack.enter_context(recomputing(module, blocks=True))
            except UsageError as error:
                errors.append(error)
        if len(errors) == len(players):
            raise errors[0]
        return
    for name in asked:
        head, _, rest = name.partition(".")
        if head in players and rest and len(players) > 1:
            stack.enter_context(recomputing(players[head], blocks=(rest,)))
        else:
            module = players.get("model", next(iter(players.values())))
            stack.enter_context(recomputing(module, blocks=(name,)))


@contextmanager
def _training(objective: Any) -> Iterator[None]:
    """Training mode for all modules; afterwards each gets the mode that it had."""
    modules = [objective, *objective.players.values()]
    modules = [module for module in modules if isinstance(module, nn.Module)]
    modes = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.train()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


@contextmanager
def _deterministic() -> Iterator[None]:
    """Deterministic operations only; torch's flags are restored afterwards."""
    cudnn, memory = cast(Any, torch.backends.cudnn), cast(Any, torch.utils.deterministic)
    before = torch.are_deterministic_algorithms_enabled()
    warn = torch.is_deterministic_algorithms_warn_only_enabled()
    flags = (
        cudnn.deterministic,
        cudnn.benchmark,
        memory.fill_uninitialized_memory,
    )
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    if workspace is None and torch.cuda.is_available():
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    if not before:  # the filling is for finding bugs, and slow
        memory.fill_uninitialized_memory = False
    torch.use_deterministic_algorithms(True)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error) or isinstance(error, UsageError):
            raise
        line = str(error).partition(". ")[0]
        raise UsageError(f"deterministic: {line}; train without it, or change the model") from error
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn)
        cudnn.deterministic, cudnn.benchmark = flags[:2]
        memory.fill_uninitialized_memory = flags[2]
        if workspace is None:
            os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
