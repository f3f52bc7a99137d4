"""LIME: a linear model that answers as the network does, near one input.

Parts of the input are covered at random, and a ridge regression of the answers on "shown or not",
in which samples near the whole input weigh more, says what each part does there. It is only as good
as the fit: `fidelity` gives its R squared, and a low one says not to believe the picture.

    min over w, c of sum_z pi(z) (f(z) - c - w z)^2 + alpha |w|^2
    pi(z) = sqrt(exp(-|z - 1|^2 / kernel_width^2)),    kernel_width = 0.75 sqrt(d)

Shapes: x and the attribution (b ...), the same.

Departures: of tables columns are covered by the baseline, too, where the authors' package draws
them from normal distributions; no parts are left out.

References:
    Marco Tulio Ribeiro, Sameer Singh, Carlos Guestrin. "Why should I trust you?": explaining the
    predictions of any classifier. KDD 2016. https://arxiv.org/abs/1602.04938

>>> model, x = torch.nn.Linear(3, 2), torch.tensor([[1.0, 2.0, -1.0]])
>>> found = lime(model, x, target=1, ridge=0)
>>> torch.allclose(found.float(), x * model.weight[1], atol=1e-4)
True
"""

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.frontier.explain.baselines import Baseline
from cartograd.frontier.explain.parts import Parts, parts_of

CARD = Card(
    name="lime",
    kind="explainer",
    entry="lime",
    nodes=("xai/lime",),
    title="LIME",
    zh="LIME 局部线性解释",
    paper='"Why should I trust you?": explaining the predictions of any classifier',
    year=2016,
    url="https://arxiv.org/abs/1602.04938",
    proofs=(
        "oracle: scikit-learn's Ridge, in which the authors' package ends, on the same samples: "
        "coefficients and R squared, to 1e-9",
        "law: a linear model's own coefficients, and an R squared of 1",
        "law: one example alone has what it has among others; a seed gives the same",
    ),
    evidence={"xai/lime": ("test_lime_is_scikit_learns_ridge", "test_a_linear_model_is_found")},
    tiny={"draws": 32},
)


def lime(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    draws: int = 1000,
    ridge: float = 1.0,
    kernel_width: float | None = None,
    baseline: Baseline = "low",
    patch_size: int | None = None,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """What each part does near the input, shared among its numbers.

    Args:
        model: any module that answers; no gradient is taken. Its outputs as they are: of a
            classifier of ours these are logits, which a linear model fits better than shares.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest.
        draws: covered copies; the first one is the input itself.
        ridge: weight of the coefficients' squares.
        kernel_width: in parts; by default 0.75 times the root of their number.
        baseline: what covers a part, or several backgrounds (see `parts_of`).
        patch_size: of the squares of a picture, or how many numbers in a row belong together.
        seed: of the samples.

    Raises:
        UsageError: numbers out of their range, or as `parts_of`.
    """
    parts = parts_of(model, x, target=target, baseline=baseline, patch_size=patch_size)
    shown, weight = _drawn(parts, draws, ridge, kernel_width, seed)
    found, _ = ridge_fit(shown, weight, parts.values(shown).cpu(), ridge)
    return parts.spread(found.to(x.device))


def fidelity(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    draws: int = 1000,
    ridge: float = 1.0,
    kernel_width: float | None = None,
    baseline: Baseline = "low",
    patch_size: int | None = None,
    seed: int = 0,
) -> Float[Tensor, " b"]:
    """R squared of the linear model of `lime` with the same arguments: 1 where it answers alike."""
    parts = parts_of(model, x, target=target, baseline=baseline, patch_size=patch_size)
    shown, weight = _drawn(parts, draws, ridge, kernel_width, seed)
    return ridge_fit(shown, weight, parts.values(shown).cpu(), ridge)[1]


def _drawn(
    parts: Parts, draws: int, ridge: float, kernel_width: float | None, seed: int
) -> tuple[Tensor, Tensor]:
    """Which parts are shown in each sample, and what it weighs."""
    if draws < 2 or ridge < 0 or (kernel_width is not None and kernel_width <= 0):
        raise UsageError(
            f"lime has draws={draws}, ridge={ridge:g}, kernel_width={kernel_width}; expected "
            "at least two, 0 or more, and more than 0"
        )
    generator = torch.Generator().manual_seed(seed)
    shown = torch.rand(draws, parts.count, generator=generator) < 0.5
    shown[0] = True
    far = (~shown).sum(1).double()  # the squared distance from the input
    wide = 0.75 * parts.count**0.5 if kernel_width is None else kernel_width
    return shown, (-far / wide**2).exp().sqrt()


def ridge_fit(
    shown: Bool[Tensor, "n d"], weight: Float[Tensor, " n"], values: Float[Tensor, "b n"],
    ridge: float, /,
) -> tuple[Float[Tensor, "b d"], Float[Tensor, " b"]]:  # fmt: skip
    """The weighted ridge regression with a free constant: coefficients, and R squared."""
    z, share = shown.double(), weight / weight.sum()
    z = z - share @ z
    y = values - (values @ share)[:, None]
    normal = (z.T * weight) @ z + ridge * torch.eye(z.shape[1], dtype=z.dtype)
    found = torch.linalg.lstsq(normal, z.T @ (weight * y).T, driver="gelsd").solution.T
    missed = ((y - found @ z.T).square() @ weight) / (y.square() @ weight).clamp_min(1e-300)
    return found, 1 - missed
