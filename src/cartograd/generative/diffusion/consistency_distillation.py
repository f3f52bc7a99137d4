"""Consistency distillation: two points of a teacher's way have the same end.

An example gets the noise of one of a few levels. The teacher takes a step of Heun's method to the
level below, and the model's answer at the noisier point is drawn to the answer that its own moving
average has at the cleaner one. At the least level that answer is the point itself, by which all
others come to know where ways end.

    L = mean (f(x_t, t) - f'(x_s, s))^2,    x_s = heun(teacher, x_t),    f' = mu f' + (1 - mu) f

Shapes: a batch is (noise, [classes ` b`,] examples), noise and examples `b ...`.

Departures: the distance is the squared one of pixels; the paper's best runs have that of LPIPS. The
model begins with the teacher's weights. Levels, and whether the class is left out, are hashes of
the noise, as in `denoising`.

References:
    Yang Song, Prafulla Dhariwal, Mark Chen, Ilya Sutskever. Consistency models. ICML 2023.
    https://arxiv.org/abs/2303.01469

>>> from cartograd.generative.diffusion.consistency import ConsistencyModel
>>> from cartograd.generative.diffusion.edm import EDM
>>> model, teacher = ConsistencyModel(features=2, width=8), EDM(features=2, width=8)
>>> objective = ConsistencyDistillation(model=model, teacher=teacher)
>>> next(objective.losses((torch.randn(5, 2), torch.randn(5, 2)))).value.shape
torch.Size([5])
"""

import copy
from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.generative import Level
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.engine.files import bundle
from cartograd.generative.diffusion.denoiser import Denoiser, denoiser_of, noisy
from cartograd.generative.diffusion.denoising import uniform
from cartograd.generative.diffusion.paths import Growing, wide

CARD = Card(
    name="consistency-distillation",
    kind="objective",
    entry="ConsistencyDistillation",
    nodes=("diffusion/ddim",),
    title="Consistency distillation",
    zh="一致性蒸馏",
    paper="Consistency models",
    year=2023,
    url="https://arxiv.org/abs/2303.01469",
    proofs=(
        "law: on normal data the exact ends of the teacher's ways have next to no loss",
        "law: both answers are given under the same dropout",
        "law: the target is the moving average in closed form",
    ),
    settings={"average": "ema:decay=0.99", "clip": "norm:max=1"},
)


class ConsistencyDistillation(nn.Module):
    """The squared distance of a model's answers at two points of its teacher's way.

    Args:
        model: a consistency model, signed or not.
        teacher: the folder of a run or bundle of `edm`, or the module, with the same network.
        steps: levels of noise between which the teacher steps.
        decay: of the moving average that answers at the cleaner point, for each step.
        label_dropout: share of the examples whose class is left out.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        teacher: str | nn.Module,
        steps: int = 18,
        decay: float = 0.95,
        label_dropout: float = 0.1,
    ):
        super().__init__()
        self.model, self.players = model, {"model": model}
        self.guess = Guess(_denoiser(model, "consistency", "the model"))
        if isinstance(teacher, str):
            with torch.device("cpu"):  # also for a dry run, whose student has no numbers
                teacher = bundle.load(teacher).model
        taught = copy.deepcopy(_denoiser(teacher, "edm", "the teacher"))
        own = self.guess.denoiser.net
        device = next(own.parameters()).device
        if device.type != "meta":
            _begin(own, taught.net)
        # No part of this module: it is not trained, switched to training mode, or saved.
        self._teacher = (taught.to(device).eval().requires_grad_(False),)
        self.decay, self.drop = decay, label_dropout
        self.target = nn.Module()
        for name, weight in self.guess.named_parameters():
            self.target.register_buffer(name.replace(".", "/"), weight.detach().clone())
        sigma = self.guess.denoiser.path.levels(steps).sigma[:-1].flip(0)
        self.register_buffer("sigma", sigma, persistent=False)

    sigma: Tensor

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example."""
        yield Loss(self._distance(batch, self.drop))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each example, told its class."""
        return {"loss": self._distance(batch, 0.0)}

    @torch.no_grad()
    def after_step(self, _player: str, /) -> None:
        """Move the average."""
        for name, weight in self.guess.named_parameters():
            self.target.get_buffer(name.replace(".", "/")).lerp_(weight, 1 - self.decay)

    def _distance(self, batch: Batch, drop: float) -> Tensor:
        noise, *classes, x = batch
        if isinstance(self.model, Signed):
            x = (x - self.model.output_mean) / self.model.output_std
        y = classes[0] if classes else None
        u, left_out = uniform(noise)
        if y is not None and drop:
            y = self.guess.denoiser.forgetting(y, left_out < drop)
        place = (u * (len(self.sigma) - 1)).long()
        path = self.guess.denoiser.path
        assert isinstance(path, Growing)
        now, then = path.at(self.sigma[place + 1]), path.at(self.sigma[place])
        start = noisy(x, noise, now)
        with torch.no_grad():
            end = heun_step(self._teacher[0], start, now, then, y)
        seed = int(u.sum() * 2**40)  # of dropout: the batch's own, as all that is drawn here
        found = self._answer(None, seed, start, now, y)
        with torch.no_grad():
            weights = {name.replace("/", "."): one for name, one in self.target.named_buffers()}
            wanted = self._answer(weights, seed, end, then, y)
        return (found - wanted).square().flatten(1).mean(1)

    def _apply(
        self, fn: Callable[[Tensor], Tensor], recurse: bool = True
    ) -> "ConsistencyDistillation":
        """Move and cast the teacher with the student."""
        self._teacher[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def _answer(
        self,
        weights: dict[str, Tensor] | None,
        seed: int,
        x: Tensor,
        level: Level,
        y: Tensor | None,
    ) -> Tensor:
        """Under the dropout of a seed; of other weights than the model's, if there are some."""
        if not self.training:
            return functional_call(self.guess, weights or {}, (x, level, y))
        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
            torch.manual_seed(seed)
            return functional_call(self.guess, weights or {}, (x, level, y))


class Guess(nn.Module):
    """A denoiser's guess as a module's answer."""

    def __init__(self, denoiser: Denoiser, /):
        super().__init__()
        self.denoiser = denoiser

    def forward(
        self, x: Float[Tensor, "b ..."], level: Level, y: Tensor | None
    ) -> Float[Tensor, "b ..."]:
        """See `Denoiser.denoise`."""
        return self.denoiser.denoise(x, level, y)


def heun_step(
    model: Denoiser, x: Float[Tensor, "b ..."], now: Level, then: Level, y: Tensor | None, /
) -> Float[Tensor, "b ..."]:
    """From each example's level to a cleaner one that has some noise, by two calls."""
    step = wide(then.sigma - now.sigma, x)
    slope = (x - model.denoise(x, now, y)) / wide(now.sigma, x)
    there = x + step * slope
    again = (there - model.denoise(there, then, y)) / wide(then.sigma, x)
    return x + step * (slope + again) / 2


def _denoiser(model: nn.Module, predicts: str, who: str) -> Denoiser:
    """The denoiser of a model on growing noise.

    Raises:
        UsageError: it has none, or one of another kind.
    """
    inner = model.model if isinstance(model, Signed) else model
    found = denoiser_of(inner)
    if found is None or found.predicts != predicts:
        name = {"consistency": "consistency", "edm": "edm"}[predicts]
        raise UsageError(
            f"consistency-distillation: {who} is {type(inner).__name__}; expected {name}"
        )
    return found


def _begin(own: nn.Module, taught: nn.Module) -> None:
    """Give a network its teacher's weights.

    Raises:
        UsageError: it is another network.
    """
    state, theirs = own.state_dict(), taught.state_dict()
    if {name: one.shape for name, one in state.items()} != {
        name: one.shape for name, one in theirs.items()
    }:
        raise UsageError(
            "consistency-distillation: the model's network is not the teacher's; give both the "
            "same width=, network= and classes="
        )
    own.load_state_dict(theirs)
