"""All that a generative model can do, in the units of its data; what it cannot is refused."""

from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.verbs.anomaly import strangeness
from cartograd.apps.verbs.capabilities import capabilities_of, reason, refusals_of
from cartograd.apps.verbs.codes import completed, decoded, encoded
from cartograd.apps.verbs.conditions import Condition, check_seen, classes_of
from cartograd.apps.verbs.given import check_examples, check_numbers, check_steps, fitting
from cartograd.apps.verbs.mask import mask_of
from cartograd.apps.verbs.sample import bounded, in_units, sample
from cartograd.core import vocabulary
from cartograd.core.errors import UsageError, unknown
from cartograd.core.eval_mode import inferring
from cartograd.core.generative import Likelihood, NotSupported, Rebuilds
from cartograd.core.signed import statistics
from cartograd.engine.device.device import pick
from cartograd.generative.diffusion.denoiser import denoiser_of
from cartograd.generative.diffusion.path_likelihood import PathLikelihood
from cartograd.generative.interpolation import MODES, between


class Generative:
    """A generative model of any family.

    Examples are in the units of the model's port, as data are; codes are standard normal. With
    classes, `condition` says of which class examples are (by name or number, or one for each).

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UsageError: the target is no model of examples.
    """

    def __init__(self, target: Target, /, *, device: str = "auto"):
        self.model = as_signed(target)
        self.name = name_of(self.model)
        if self.model.signature.target != "example":
            raise UsageError(
                f"{self.name} answers the task {self.model.signature.task.name!r}; expected a "
                "generative model such as real-nvp or ddpm"
            )
        self.device = pick(device)
        self.model.to(self.device)
        self.inner: Any = self.model.model
        self.denoiser = denoiser_of(self.inner)

    @property
    def _in_steps(self) -> bool:
        """Whether codes are found, or followed, in steps."""
        return self.denoiser is not None or self.model.signature.draws

    def capabilities(self) -> dict[str, str]:
        """What it can do, each with its kind; what it cannot is left out."""
        return capabilities_of(self.inner, self.model.signature.task)

    def refusals(self) -> dict[str, str]:
        """What it cannot do, each with the reason that `NotSupported` says."""
        return refusals_of(self.inner, self.model.signature.task)

    def sample(self, count: int = 16, /, **options: Any) -> Float[Tensor, "b ..."]:
        """See `cartograd.sample`."""
        return sample(self.model, count, device=str(self.device), **options)

    def log_prob(
        self,
        x: Float[Tensor, "b ..."],
        /,
        *,
        condition: Condition = None,
        kind: str | None = None,
        steps: int | None = None,
    ) -> Likelihood:
        """How likely examples are, in nats, and in which sense.

        Args:
            x: examples.
            condition: their classes.
            kind: of a diffusion model: `ode`, a density by the flow to noise (usual), or `vlb`, a
                bound by the chain's steps, of whole levels where the data have some.
            steps: of that flow, 50 if left out; or of that chain, all of DDPM's if left out, and
                1,000 of other paths.

        Raises:
            NotSupported: the model has no density.
            UsageError: the examples have another shape, or a class or a kind is unknown.
        """
        x, y = self._given(x, condition, "log_prob")
        check_steps(steps, "log_prob", self.name, takes=self.denoiser is not None)
        own = self.capabilities().get("log_prob")
        if own is not None and self.denoiser is not None:
            mean, std = self._statistics()
            way = PathLikelihood(self.denoiser, y, mean, std, self.model.signature.example.levels)
            return way(x, kind or "ode", steps)
        if own is None or kind not in (None, own):
            why = own and f"its kind of likelihood is {own}, and not {kind}"
            raise self._lacks("log_prob", why)
        with inferring(self.model):
            nats = self.model(x) if y is None else self.model(x, y)
        return Likelihood(nats.flatten().cpu(), self.inner.likelihood, x[0].numel())

    def encode(
        self, x: Float[Tensor, "b ..."], /, *, condition: Condition = None, steps: int | None = None
    ) -> Float[Tensor, "b ..."]:
        """The code of each example; how near it leads back is measured by `round_trip`.

        Args:
            x: examples.
            condition: their classes.
            steps: of the inversion of a diffusion model (50 if left out), or in which the noise of
                a generator is looked for (200).

        Raises:
            NotSupported: the model has no codes.
            UsageError: the examples have another shape, or a class is unknown.
        """
        x, y = self._given(x, condition, "encode")
        check_steps(steps, "encode", self.name, takes=self._in_steps)
        mean, std = self._statistics()
        return encoded(self.model, (x - mean) / std, y, steps=steps).cpu()

    def decode(
        self, z: Float[Tensor, "b ..."], /, *, condition: Condition = None, steps: int | None = None
    ) -> Float[Tensor, "b ..."]:
        """The example of each code.

        Args:
            z: codes.
            condition: the classes of the examples.
            steps: of a diffusion model's DDIM; 50 if left out.

        Raises:
            NotSupported: the model has no codes.
            UsageError: a class is unknown.
        """
        y = self._classes(condition, len(z), "decode")
        check_steps(steps, "decode", self.name, takes=self._in_steps)
        z = z.to(self.device, next(self.model.parameters()).dtype)
        made = fitting(z, partial(decoded, self.model, z, y, steps=steps), self.name)
        return self._in_units(made)

    def round_trip(
        self, x: Float[Tensor, "b ..."], /, *, condition: Condition = None, steps: int | None = None
    ) -> Float[Tensor, " b"]:
        """How far each example is from that of its code (root mean square); see `encode`."""
        codes = self.encode(x, condition=condition, steps=steps)
        back = self.decode(codes, condition=condition, steps=steps)
        return (back - x.to(back)).square().flatten(1).mean(1).sqrt()

    def reconstruct(
        self, x: Float[Tensor, "b ..."], /, *, condition: Condition = None
    ) -> Float[Tensor, "b ..."]:
        """Each example again, as far as its code tells it.

        Raises:
            NotSupported: the model has no code that is shorter than examples are.
            UsageError: the examples have another shape, or a class is unknown.
        """
        x, y = self._given(x, condition, "reconstruct")
        mean, std = self._statistics()
        if "reconstruct" not in self.capabilities():
            raise self._lacks("reconstruct")
        if not isinstance(self.inner, Rebuilds):
            return self.decode(self.encode(x, condition=condition), condition=condition)
        with inferring(self.model):
            return self._in_units(self.inner.reconstruct((x - mean) / std, *_told(y)))

    def score(
        self, x: Float[Tensor, "b ..."], /, *, background: Target | None = None, **options: Any
    ) -> Float[Tensor, " b"]:
        """How strange each example is, the higher the stranger; see `anomaly.strangeness`."""
        plain = None if background is None else Generative(background, device=str(self.device))
        return strangeness(self, x, background=plain, **options)

    def interpolate(
        self,
        a: Float[Tensor, "..."],
        b: Float[Tensor, "..."],
        /,
        count: int = 8,
        *,
        mode: str = "slerp",
        condition: str | int | None = None,
        steps: int | None = None,
    ) -> Float[Tensor, "n ..."]:
        """Examples on the way from `a` to `b`, both included, by their codes.

        Args:
            a: one example.
            b: another.
            count: how many, at least 2.
            mode: `slerp` or `lerp`.
            condition: the class of all of them.
            steps: see `encode`.

        Raises:
            NotSupported: the model has no codes.
            UsageError: an argument is out of its range.
        """
        check_numbers("interpolate", count=(count, int))
        for end in (a, b):
            check_examples(end[None], self.model.signature.example, "interpolate", self.name)
        if count < 2:
            raise UsageError(
                f"count={count} leaves no way between two examples; expected 2 or more"
            )
        if mode not in MODES:
            raise unknown("mode", mode, MODES)
        check_seen(self.model, condition)
        ends = self.encode(torch.stack([a, b]), condition=condition, steps=steps)
        path = between(ends[0], ends[1], count, mode=mode)
        return self.decode(path, condition=condition, steps=steps)

    def inpaint(
        self,
        x: Float[Tensor, "b ..."],
        known: Float[Tensor, "..."],
        /,
        *,
        condition: Condition = None,
        seed: int = 0,
    ) -> Float[Tensor, "b ..."]:
        """Examples of which a part is made up; the known part stays as it is, bit for bit.

        Args:
            x: examples.
            known: 1 where they are known, 0 where they are to be made up; of one example's shape,
                or of all.
            condition: their classes.
            seed: of the random numbers.

        Raises:
            NotSupported: the model cannot.
            UsageError: the mask has another shape or covers nothing, or a class is unknown.
        """
        check_seen(self.model, condition)
        vocabulary.check("inpaint", "seed", seed)
        given = x
        x, y = self._given(x, condition, "inpaint")
        mask = mask_of(known, x)
        mean, std = self._statistics()
        made = self._in_units(completed(self.model, (x - mean) / std, mask, y, seed=seed))
        return torch.where(mask.cpu() > 0, given.to(made), made)

    def _lacks(self, what: str, why: str | None = None) -> NotSupported:
        return NotSupported(f"{self.name} cannot {what}: {why or reason(self.inner, what)}")

    def _given(self, x: Tensor, condition: Condition, what: str) -> tuple[Tensor, Tensor | None]:
        """Examples and classes where the model is."""
        check_examples(x, self.model.signature.example, what, self.name)
        y = self._classes(condition, len(x), what)
        return x.to(self.device, next(self.model.parameters()).dtype), y

    def _classes(self, condition: Condition, count: int, what: str) -> Tensor | None:
        if condition is None and self.model.signature.condition is not None:
            if self.denoiser is not None:
                return None  # a denoiser knows what no class is
            raise UsageError(f"{what} of {self.name} needs the classes: condition= (--class)")
        y = classes_of(self.model, condition, count)
        return None if y is None else y.to(self.device)

    def _in_units(self, x: Tensor) -> Tensor:
        port = self.model.signature.example
        return bounded(in_units(x, port), port)

    def _statistics(self) -> tuple[Tensor, Tensor]:
        port = self.model.signature.example
        mean, std = (one[0].to(self.device) for one in statistics(port))
        return mean, std


def generative_model(target: Target, /, *, device: str = "auto") -> Generative:
    """A generative model of any family: `sample`, `log_prob`, `encode`, `interpolate`, `inpaint`.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UsageError: the target is no model of examples.
    """
    return Generative(target, device=device)


def _told(y: Tensor | None) -> tuple[Tensor, ...]:
    return () if y is None else (y,)
