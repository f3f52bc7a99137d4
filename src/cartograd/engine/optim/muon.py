"""Torch's Muon, which takes matrices only, also for filters and for matrices that are sharded.

A filter is stepped as the matrix of its outputs by all else, as the author's own code does; so the
step's scale, too, is that of this matrix. A matrix that is spread over processes is put together
for the step, since all of its directions are made equally long at once; its momentum stays spread.

References:
    Keller Jordan et al. Muon. 2024. https://github.com/KellerJordan/Muon
"""

from collections.abc import Iterable, MutableMapping
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.core.errors import UsageError

_PLAIN = (Tensor, nn.Parameter)


class Muon(torch.optim.Muon):
    """Muon for weights of two dimensions and more.

    Args:
        params: what it steps.
        **args: those of `torch.optim.Muon`.
    """

    def __init__(self, params: Iterable[nn.Parameter], **args: Any) -> None:
        weights = list(params)
        super().__init__([nn.Parameter(torch.zeros(1, 1))], **args)  # it looks for matrices
        self.param_groups[0]["params"] = weights
        self._gathered: list[tuple[Tensor, Tensor]] = []
        if any(type(weight) not in _PLAIN for weight in weights):
            self.register_step_post_hook(lambda *_: self._spread())

    def _init_group(
        self,
        group: MutableMapping[str, Any],
        params_with_grad: list[Tensor],
        grads: list[Tensor],
        muon_momentum_bufs: list[Tensor],
    ) -> bool:
        """Fill the lists with matrices: views of weights and momenta, so that these are stepped."""
        for weight in group["params"]:
            if weight.grad is not None and not self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        found = super()._init_group(group, params_with_grad, grads, muon_momentum_bufs)
        weights = list(params_with_grad)
        for place, weight in enumerate(weights):
            params_with_grad[place] = self._matrix(weight, weight)
            grads[place] = _flat(_whole(grads[place]), weight)
            muon_momentum_bufs[place] = self._matrix(muon_momentum_bufs[place], weight)
        return found

    def _matrix(self, tensor: Tensor, like: Tensor) -> Tensor:
        whole = _whole(tensor)
        if whole is not tensor:
            self._gathered.append((tensor, whole))
        flat = _flat(whole, like)
        assert flat.data_ptr() == whole.data_ptr()  # a view: what is stepped is the weight itself
        return flat

    @torch.no_grad()
    def _spread(self) -> None:
        """Each process takes its shards of what was put together."""
        from cartograd.engine.distributed import shard

        for sharded, whole in self._gathered:
            sharded.copy_(shard.placed(whole, sharded))
        self._gathered.clear()


def check_matrices(params: Iterable[nn.Parameter], /) -> None:
    """Refuse what has no outputs and inputs.

    Raises:
        UsageError: a parameter is no matrix.
    """
    for weight in params:
        if weight.ndim < 2:
            shape = tuple(weight.shape)
            raise UsageError(
                f"muon steps matrices and filters, not a parameter of shape {shape}; use adamw"
            )


def _whole(tensor: Tensor) -> Tensor:
    if type(tensor) in _PLAIN:
        return tensor
    from cartograd.engine.distributed import shard

    return shard.whole(tensor)


def _flat(tensor: Tensor, like: Tensor) -> Tensor:
    """Outputs by all else, this in the order of the weight's memory, so that it can be a view."""
    if tensor.ndim == 2:
        return tensor
    order = sorted(range(1, tensor.ndim), key=like.stride, reverse=True)
    return tensor.permute(0, *order).reshape(len(tensor), -1)
