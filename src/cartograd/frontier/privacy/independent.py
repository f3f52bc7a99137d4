"""Whether each example of a batch has a loss of its own; without that nothing bounds its part."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cartograd.core.errors import UsageError
from cartograd.engine.loop.probe import unchanged


def check(
    module: nn.Module,
    losses: Callable[[tuple[Tensor, ...]], Float[Tensor, " b"]],
    few: tuple[Tensor, ...],
    /,
) -> None:
    """Refuse a model or an objective that looks at a whole batch in training.

    The first example's loss has to be the same whatever the others are, and a pass must not leave
    anything of the examples in the model's buffers.

    Raises:
        UsageError: it is not, or it does.
    """
    same = tuple(x[:1].expand_as(x).contiguous() for x in few)
    found = []
    with unchanged(module), torch.no_grad():
        before = {name: buffer.clone() for name, buffer in module.named_buffers()}
        for batch in (few, same):
            torch.manual_seed(0)
            found.append(losses(batch))
        moved = [name for name, now in module.named_buffers() if not torch.equal(now, before[name])]
    if found[0].shape != (len(few[0]),):
        raise UsageError(
            f"the objective gives losses of shape {tuple(found[0].shape)} for {len(few[0])} "
            "examples; privacy needs one loss for each"
        )
    normed = any(isinstance(part, _BatchNorm) for part in module.modules())
    if moved:
        other = (
            "a model without batch normalisation (group or layer normalisation are of single "
            "examples)" if normed else "a model without it"
        )  # fmt: skip
        raise UsageError(
            f"{moved[0]} keeps statistics of the examples that pass, and no noise hides them; take "
            f"{other}, or freeze= that part"
        )
    if not torch.allclose(found[0][0], found[1][0], rtol=1e-3, atol=1e-5):
        such = "batch normalisation, mixup" if normed else "mixup"
        raise UsageError(
            "the loss of an example depends on the others in its batch, so that no example's part "
            f"in a step is bounded; leave out what looks at a whole batch ({such}, contrasts "
            "between examples)"
        )
