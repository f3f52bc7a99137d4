"""The state of what is trained, by name: what a checkpoint holds and puts back."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import nn

from cartograd.core.errors import UsageError
from cartograd.engine.distributed.process_group import ProcessGroup, SingleProcess
from cartograd.engine.files.tensor_files import copied, load_into, plain_names


@runtime_checkable
class Stateful(Protocol):
    """Anything with a state dict, for an objective that is no module."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors, arrays and plain values, nested in dictionaries, lists and tuples."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """The inverse of `state_dict`."""
        ...


class Weights:
    """The state of an objective, and of players that are not part of it.

    A module's state is its parameters and buffers, and what its `get_extra_state` gives.

    Args:
        objective: a module, or anything with players.
        players: by name.
        processes: the processes that train them.
    """

    def __init__(
        self,
        objective: Any,
        players: Mapping[str, nn.Module],
        processes: ProcessGroup | None = None,
    ) -> None:
        self.processes = processes or SingleProcess()
        self.modules: dict[str, Stateful] = {}
        held: set[int] = set()
        if isinstance(objective, Stateful):
            self.modules["objective"] = objective
        if isinstance(objective, nn.Module):
            held = {id(parameter) for parameter in objective.parameters()}
        for name, module in players.items():
            if not all(id(parameter) in held for parameter in module.parameters()):
                self.modules[f"player {name}"] = module

    def state(self) -> dict[str, Any]:
        """The state dicts by name; their tensors are those in use, not copies."""
        return {name: plain_names(module.state_dict()) for name, module in self.modules.items()}

    def load(self, state: Mapping[str, Any], origin: str, /) -> None:
        """Put tensors back.

        Raises:
            UsageError: they are of another model.
        """
        if set(state) != set(self.modules):
            raise UsageError(f"{origin} is of another objective: it holds {', '.join(state)}")
        for name, tensors in state.items():
            module = self.modules[name]
            if isinstance(module, nn.Module):
                load_into(module, tensors, origin, self.processes.placed)
            else:
                module.load_state_dict(copied(tensors))
