"""WaveNet: a sound sample by sample, each given a long past, by convolutions with ever wider gaps.

Gaps double from layer to layer, so that a few layers hear hundreds of samples. Each layer answers
through a gate and adds to what it was given; all layers together say how likely each of 256 steps
of loudness is. Drawing keeps what each layer has heard in a queue: a sample costs one step of each
layer, not a pass over the whole past.

    z = tanh(W_f * x) sigmoid(W_g * x),    the past heard is (k - 1) sum of the gaps + 1 samples

Shapes: input `b c t` with c = 1 in [-1, 1] and (with classes) `b`; answers ` b` in nats, the
log-probability of the mu-law steps that the samples fall into.

Departures: a step of its own stands for what comes before the first sample; what is told of the
class is added inside each gate.

References:
    Aäron van den Oord and others. WaveNet: a generative model for raw audio. 2016.
    https://arxiv.org/abs/1609.03499
    Tom Le Paine and others. Fast WaveNet generation algorithm. 2016.
    https://arxiv.org/abs/1611.09482

>>> import torch
>>> model = WaveNet(features=20, width=4, depth=3, repeats=2)
>>> model(torch.zeros(2, 1, 20)).shape, model.receptive_field
(torch.Size([2]), 15)
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.generative.autoregressive.causal import GatedCausal, Queues, passed
from cartograd.generative.autoregressive.mu_law import coded, sounded
from cartograd.generative.level_distributions import level_distribution, picked
from cartograd.generative.told_class import check_class

CARD = Card(
    name="wavenet",
    kind="model",
    entry="WaveNet",
    nodes=("ar/wavenet",),
    title="WaveNet",
    zh="WaveNet（扩张因果卷积）",
    paper="WaveNet: a generative model for raw audio",
    year=2016,
    url="https://arxiv.org/abs/1609.03499",
    proofs=(
        "law: a sample hears the past that the formula says, to the sample, and nothing later",
        "law: sounds drawn with queues are those drawn from whole passes, to 1e-10",
        "law: the steps of mu-law are those of the sounds that they are turned into",
    ),
    evidence={
        "ar/wavenet": (
            "test_each_sample_hears_the_past_that_the_formula_says_and_nothing_else",
            "test_drawing_with_queues_is_drawing_from_whole_passes",
            "acceptance:wavenet-speech",
        ),
    },
    tiny={"features": 9, "classes": 3, "width": 4, "depth": 2, "repeats": 1, "levels": 8},
    answers="density",
)


class WaveNet(nn.Module):
    """Gated causal convolutions with gaps that double.

    Args:
        features: samples of one example.
        classes: how many there are to tell the model of; None trains without them.
        width: features of a position.
        depth: layers whose gaps double from 1.
        repeats: how often these layers come, one set after the other.
        levels: mu-law steps that a sample falls into.
    """

    def __init__(
        self,
        *,
        features: int,
        classes: int | None = None,
        width: int = 32,
        depth: int = 7,
        repeats: int = 2,
        levels: int = 256,
    ):
        super().__init__()
        self.distribution = level_distribution(levels=levels, components=0)
        self.features, self.classes, self.likelihood = features, classes, "exact"
        gaps = [2**layer for layer in range(depth)] * repeats
        self.receptive_field = sum(gaps) + 1
        self.first = nn.Embedding(levels + 1, width)
        self.layers = nn.ModuleList(
            GatedCausal(width, 2 * width, gap=gap, classes=classes) for gap in gaps
        )
        self.last = nn.Sequential(
            nn.ReLU(), nn.Conv1d(2 * width, 2 * width, 1), nn.ReLU(),
            nn.Conv1d(2 * width, self.distribution.size, 1),
        )  # fmt: skip

    def forward(
        self, x: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """The logarithm of the probability of each sound's steps, in nats."""
        x = x.flatten(1)
        step = coded(x, self.distribution.levels)
        return self.distribution.log_prob(self._answers(step, y), step).sum(1)

    def parameters_of(
        self, x: Float[Tensor, "b t"], y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b t d"]:
        """The parameters of each sample's distribution, given those before it.

        Raises:
            UsageError: classes are missing, or not wanted.
        """
        return self._answers(coded(x, self.distribution.levels), y)

    def sample(
        self,
        count: int,
        generator: torch.Generator,
        /,
        *,
        temperature: float = 1.0,
        y: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b t"]:
        """Sounds drawn sample by sample, with what each layer heard in a queue."""
        check_class(self.classes, y)
        levels, weight = self.distribution.levels, self.first.weight
        u = torch.rand(
            count, self.features, generator=generator, device=generator.device, dtype=torch.float64
        ).to(weight.device)
        queues = Queues(self.layers, count, weight)
        before, drawn = torch.full((count,), levels, device=weight.device), []
        for t in range(self.features):
            answer = self.last(queues.step(self.first(before)[:, :, None], y))
            before = picked(
                self.distribution.table(answer[:, :, 0]), u[:, t], temperature=temperature
            )
            drawn.append(before)
        return sounded(torch.stack(drawn, 1), levels).to(weight.dtype)

    def _answers(
        self, step: Int[Tensor, "b t"], y: Int[Tensor, " b"] | None, /
    ) -> Float[Tensor, "b t d"]:
        """The same, of the steps that samples fall into."""
        check_class(self.classes, y)
        before = nn.functional.pad(step, (1, 0), value=self.distribution.levels)[:, :-1]
        return self.last(passed(self.layers, self.first(before).mT, y)).mT
