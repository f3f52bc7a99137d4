"""SNIP: the weights go whose absence would change the loss least.

    s_j = | w_j dL/dw_j |

is how much the loss changes, to first order, if weight j is taken away. It needs a few batches with
their right answers, and a network need not have been trained: SNIP was made to prune before.

Shapes: anything.

Departures: the gradient is the mean of a few batches in evaluation mode, not of one in training.

References:
    Namhoon Lee, Thalaiyasingam Ajanthan, Philip Torr. SNIP: single-shot network pruning based on
    connection sensitivity. ICLR 2019. https://arxiv.org/abs/1810.02340

>>> import cartograd as cg
>>> data = cg.dataset("xor")
>>> model = cg.build("mlp:widths=[8]", signature=data.signature)
>>> small = prune_snip(model, data.train.batches(), amount=0.75)
>>> sum(int((weight == 0).sum()) for weight in small.parameters() if weight.ndim == 2)
24
"""

from torch import nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batches
from cartograd.practice.compression.importance import Scope
from cartograd.practice.compression.slopes import slopes
from cartograd.practice.compression.zeros import matrices, thinned

CARD = Card(
    name="prune-snip",
    kind="compressor",
    entry="prune_snip",
    nodes=("compress/prune-unstructured",),
    title="SNIP",
    zh="SNIP 剪枝",
    paper="SNIP: single-shot network pruning based on connection sensitivity",
    year=2019,
    url="https://arxiv.org/abs/1810.02340",
    proofs=(
        "law: the score is the loss's change without a weight, to first order",
        "law: weights from inputs that are always zero go first, however large they are",
    ),
    tiny={"amount": 0.1},
    evidence={"compress/prune-unstructured": ("test_inputs_that_say_nothing_go_first",)},
)


def prune_snip(
    model: nn.Module, data: Batches | None = None, /, *, amount: float = 0.5,
    scope: Scope = "global",
) -> nn.Module:  # fmt: skip
    """A copy of a model without the weights that its loss is least sensitive to.

    Args:
        model: with its signature, whose task says what the loss is.
        data: batches with their right answers.
        amount: share of the weights that is zero then.
        scope: whether that share is of each matrix (local), or of all together (global).

    Raises:
        UsageError: there are no data, or no matrices.
    """
    slope = slopes(model, data, "prune-snip")
    scores = {name: (w.detach() * slope[name]).abs() for name, w in matrices(model).items()}
    return thinned(model, scores, amount=amount, scope=scope)
