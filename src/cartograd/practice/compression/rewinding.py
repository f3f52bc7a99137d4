"""The weights that a network had early in its training, for what is left of it to begin again from.

A checkpoint of a run holds its objective's state, in which the network is `model`; a run or a
bundle holds the network alone.
"""

import copy
from pathlib import Path

from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.files import check_manifest
from cartograd.core.signed import Signed
from cartograd.engine.files.bundle import load
from cartograd.engine.files.tensor_files import check_state, plain_names, read_tensors
from cartograd.practice.compression.cut import inner_of

STATE = "objective.safetensors"
"""What makes a folder a checkpoint."""


def early(folder: str, model: nn.Module, /) -> dict[str, Tensor]:
    """The weights and buffers of a model, as a folder has them.

    Args:
        folder: a checkpoint, a run or a bundle.
        model: whose they are, by name and shape.

    Raises:
        UsageError: there is nothing of the kind, a byte of it was changed, or it is of another
            model.
    """
    inner, prefix = inner_of(model)
    path = Path(folder)
    if not path.is_dir():
        raise UsageError(
            f"rewind={folder}: there is no such folder; expected a checkpoint "
            "(RUN/checkpoints/step-..., which keep=every=100 keeps), a run or a bundle"
        )
    if not (path / STATE).is_file():
        foreign = isinstance(model, Signed) and model.spec is None
        found = load(path, model=copy.deepcopy(inner) if foreign else None).model.model
        return check_state(inner, found.state_dict(), folder)
    check_manifest(path)
    begin = f"objective.objective.model.{prefix}"
    state = plain_names(read_tensors(path / STATE))
    own = {name[len(begin) :]: one for name, one in state.items() if name.startswith(begin)}
    return check_state(inner, own, folder)


def rewound(model: nn.Module, folder: str, /) -> nn.Module:
    """A copy of a model with the weights and buffers that a folder has; see `early`."""
    made = copy.deepcopy(model)
    inner_of(made)[0].load_state_dict(early(folder, model))
    return made
