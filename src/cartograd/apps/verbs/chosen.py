"""What a training is told where nobody says otherwise, by its model and its data."""

from collections.abc import Mapping
from typing import Any

from cartograd.apps.answers.writer import architecture
from cartograd.apps.load.options import CHOSEN
from cartograd.apps.load.settings import Setting
from cartograd.apps.verbs.growing_samples import PICTURES, draws_pictures
from cartograd.core import registry
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.preference_rows import has_pairs

STEPS = 600
"""Default number of steps of a run; between 5 and 40 epochs."""

IMPATIENT = 5
"""Epochs without a better one that every training bears where nobody said how many there are."""

RIGHT = ("class", "classes", "value")
"""Right answers whose validation loss says when to stop; what is drawn gets better beside it."""

FINE = "adamw:lr=5e-5"
"""How a transformer that has learned is tuned by default."""

BESIDE = "adamw:lr=1e-3"
"""The same where what learns stands beside its weights: it begins at nothing, and has to move."""

TIMES = 3
"""Most epochs by default of a transformer that can write already."""


def chosen_for(
    model: Signed, data: Dataset, settings: Mapping[str, Setting], /, *, fine: bool
) -> dict[str, Any]:
    """Defaults of the settings that depend on model and data.

    Args:
        model: what is trained.
        data: on what.
        settings: what is said.
        fine: whether all weights of a transformer that has learned are tuned: by small steps, as
            BERT's paper has it.
    """
    said = {key: item.value for key, item in settings.items()}
    objective = said.get("objective") or _objective(model, data)
    name = Spec.parse(objective).name if isinstance(objective, str) else ""
    rule, examples = name == "perceptron-rule", len(data.train)
    usual = 32 if examples < 2_000 else 64 if examples < 20_000 else 128
    usual = {"perceptron-rule": 1, "grow": examples}.get(name, usual)
    size = min(usual, examples)
    per_epoch = -(-examples // said.get("batch_size", size))
    epochs = min(40, max(5, round(STEPS / per_epoch)))
    if fine and data.signature.task.generated:
        epochs = TIMES
    tuned = BESIDE if said.get("adapter") else FINE
    warm = said.get("epochs", epochs) * per_epoch >= 100
    return (
        {
            "objective": objective,
            "optimizer": "sgd:lr=1" if rule else tuned if fine else "adamw:lr=3e-3",
            "schedule": None if rule else "cosine:warmup=0.1" if warm else "cosine",
            "epochs": epochs,
            "batch_size": size,
            "augment": None,
            "drawn": None,
            "canaries": None,
            "class_weights": None,
            "loss": None,
            "positive": data.signature.output.positive or None,
            "monitor": "valid/loss",
            "samples": PICTURES if draws_pictures(model) else None,
            "patience": None
            if name in ("perceptron-rule", "grow")
            else _patience(data, said, epochs),
        }
        | dict.fromkeys(CHOSEN[5:])
        | _own_settings(model)
    )


def _patience(data: Dataset, said: Mapping[str, Any], epochs: int) -> int | None:
    """A quarter of the epochs, where nobody said how many: the best is often one of the last."""
    taken = any(said.get(key) for key in ("epochs", "privacy", "federated"))
    found = max(IMPATIENT, epochs // 4)
    fits = len(data.valid) > 0 and data.signature.target in RIGHT and found < epochs
    return found if fits and not taken else None


def told_of_patience(settings: Mapping[str, Setting], /) -> str:
    """A line on when a training stops early, where nobody said; empty where it does not."""
    patience, watched = settings["patience"], settings["monitor"].value
    if not patience.value or patience.origin != "default":
        return ""
    return f"stops after {patience.value} epochs without a better {watched} (patience=0: after all)"


def _own_settings(model: Signed, /) -> dict[str, Any]:
    """What the model's card says of its training, if it was made by name."""
    card = _card(model)
    return {} if card is None else card.settings


def _card(model: Signed) -> Card | None:
    """The card of a model, or of the network that a compressor made it of."""
    spec = architecture(model)
    return None if spec is None else registry.find(spec.name, kind="model")[0]


def own_objective(model: Signed, /) -> str:
    """The name of the objective that the model's card asks for, if it asks for one."""
    card = _card(model)
    return Spec.parse(card.objective).name if card is not None and card.objective else ""


def _objective(model: Signed, data: Dataset) -> str:
    """That of pairs of answers, of the model's card, or the default of the data's task."""
    if has_pairs(data):
        return "preference"
    own, task = own_objective(model), data.signature.task
    if own and task.takes(own):
        card = _card(model)
        assert card is not None
        return card.objective
    if task.objective is None:
        task.check("train")
        raise UsageError(f"no objective is known for the task {task.name!r}; give objective=")
    return task.objective
