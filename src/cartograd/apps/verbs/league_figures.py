"""The figures of one row of a league: drawn examples by the judges' eyes."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.verbs.drawn_samples import REAL, spread
from cartograd.apps.verbs.judge import Judge
from cartograd.apps.verbs.judges import FEATURES, Judges
from cartograd.apps.verbs.league_controls import Drawn
from cartograd.core.build import build
from cartograd.core.eval_mode import inferring
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.tensors import tensors
from cartograd.engine.loop.fit import fit
from cartograd.practice.metrics.inception_score import inception_score

METRICS = {
    "nfid": "normalised-frechet", "kid": "kernel-distance", "precision": "improved-precision",
    "recall": "improved-recall", "density": "sample-density", "coverage": "coverage",
    "c2st": "two-sample-test",
}  # fmt: skip
"""Metrics of features, by the names that they have in the table."""

EPOCHS = 10
"""Of a classifier that is trained on drawn examples."""

SIZE = 32
"""Examples of each of these steps."""


@dataclass(frozen=True)
class Ruler:
    """What all rows are measured by.

    Attributes:
        data: the examples.
        judges: two classifiers of these.
        real: features of training examples, evenly spread.
        train, test: the examples themselves.
        usual: how far a test example is from the nearest training example, in the middle.
    """

    data: Dataset
    judges: Judges
    real: Float[Tensor, "n d"]
    train: Float[Tensor, "m d"]
    usual: float

    def figures(self, drawn: Drawn, /, *, seed: int = 0) -> dict[str, float | None]:
        """The figures of drawn examples, by name; None where they have no classes.

        Args:
            drawn: the examples.
            seed: of the classifier that is trained on them.
        """
        features = Judge(self.judges.features).features(drawn.x)
        found: dict[str, float | None] = {
            name: float(build(metric, kind="sample-metric")(features, self.real))
            for name, metric in METRICS.items()
        }
        logits = Judge(self.judges.classes).classes(drawn.x)
        nearest = _nearest(features, self.train)
        found["is"] = inception_score(logits)
        found["memorisation"] = float(nearest.median()) / self.usual
        found["copies"] = self._copies(drawn.x)
        found["accuracy"] = found["cas"] = None
        if drawn.y is not None:
            found["accuracy"] = float((logits.argmax(1) == drawn.y).double().mean())
            found["cas"] = self._taught(drawn, seed)
        return found

    def _copies(self, x: Tensor) -> float:
        """The share of drawn examples that are training examples, once both are whole levels."""
        train = self.data.train.select(range(len(self.data.train))).inputs
        known = {row.numpy().tobytes() for row in _levels(train)}
        return sum(row.numpy().tobytes() in known for row in _levels(x)) / len(x)

    def _taught(self, drawn: Drawn, seed: int) -> float:
        """How often a classifier is right on real test examples that saw drawn ones only."""
        assert drawn.y is not None
        signature = self.data.signature
        part = tensors(drawn.x, drawn.y, valid=0, test=0, labels=signature.output.labels).train
        torch.manual_seed(seed)
        model = build(FEATURES[0], kind="model", signature=signature)
        size = min(SIZE, len(part))
        batches = part.batches(batch_size=size, drop_last=True)
        fit(
            build("classify", kind="objective", model=model), batches,
            epochs=EPOCHS, seed=seed, device="cpu",
        )  # fmt: skip
        test = self.data.test.select(spread(len(self.data.test), REAL))
        with inferring(model):
            right = model(test.inputs).argmax(1) == test.targets
        return float(right.double().mean())


def ruler_of(data: Dataset, judges: Judges, /) -> Ruler:
    """What rows of a league on these examples are measured by."""
    judge = Judge(judges.features)
    train = judge.features(data.train.select(range(len(data.train))).inputs)
    test = judge.features(data.test.select(spread(len(data.test), REAL)).inputs)
    real = train[spread(len(train), REAL)]
    return Ruler(data, judges, real, train, float(_nearest(test, train).median()))


def _nearest(x: Tensor, y: Tensor) -> Tensor:
    """How far each of `x` is from the nearest of `y`."""
    parts = [torch.cdist(part, y).min(1).values for part in x.split(500)]
    return torch.cat(parts)


def _levels(x: Tensor) -> Tensor:
    return (255 * x).round().to(torch.uint8)
