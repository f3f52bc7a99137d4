"""The row on anomalies: one class of clothes is normal, and all others are to be told from it."""

import statistics
from typing import Any

from acceptance.session import Outcome, Session, percent

LEAST = 88.0
"""Mean ROC AUC over the ten classes, in per cent."""

NAME = "roc-auc (of anomalies)"
CLASSES = range(10)
COMMAND = "cartograd train autoencoder --data fashion-mnist:only=CLASS --epochs 10 --set seed=SEED"
COMPONENTS = 32


def anomaly_fashion(session: Session, /) -> Outcome:
    """An autoencoder of each class."""
    found = [_areas(session, COMMAND, seed) for seed in session.seeds]
    measured = [percent(statistics.mean(areas)) for areas, _ in found]
    untrained, _ = _areas(session, COMMAND.replace("10", "1") + " --optimizer sgd:lr=0", 0)
    vae, _ = _areas(session, COMMAND.replace("autoencoder", "vae:classes=none"), 0)
    components = _components()
    return Outcome(
        claim="Anomalies among Fashion-MNIST by an autoencoder of one class",
        command=f"{COMMAND}\n$ cartograd evaluate RUN --normal CLASS",
        measured=measured,
        asked=f"a mean ROC AUC over the ten classes of at least {LEAST:g} %, which untrained "
        "weights do not reach",
        passed=min(measured) >= LEAST > percent(statistics.mean(untrained)),
        beside={
            f"{COMPONENTS} principal components": _said(components),
            "autoencoder, seed 0": _said(found[0][0]),
            "VAE by reconstruction, seed 0": _said(vae),
            "autoencoder, untrained": _said(untrained),
        },
        cpu=[sum(run.cpu for run in runs) for _, runs in found],
        wall=[sum(run.wall for run in runs) for _, runs in found],
        notes=["Each figure is the mean over the classes, then those of the classes in order."],
    )


def _areas(session: Session, command: str, seed: int) -> tuple[list[float], list[Any]]:
    """ROC AUC of the test part's other classes for each class, and the runs."""
    areas, runs = [], []
    for number in CLASSES:
        run = session.train(command.replace("CLASS", str(number)), seed)
        said, _, _ = session.run(f"cartograd evaluate {run.folder} --normal {number} --json")
        areas.append(said["metrics"][NAME]["value"])
        runs.append(run)
    return areas, runs


def _components() -> list[float]:
    """The same by what principal components of a class leave of an example."""
    from sklearn.decomposition import PCA
    from sklearn.metrics import roc_auc_score

    import cartograd as cg

    areas = []
    for number in CLASSES:
        data = cg.dataset(f"fashion-mnist:only={number}")
        train, test = (part.select(range(len(part))) for part in (data.train, data.test))
        x = test.inputs.flatten(1).numpy()
        kept = PCA(COMPONENTS, svd_solver="full").fit(train.inputs.flatten(1).numpy())
        left = kept.inverse_transform(kept.transform(x)) - x
        areas.append(float(roc_auc_score(test.targets.numpy() != number, (left**2).mean(1))))
    return areas


def _said(areas: list[float]) -> str:
    each = ", ".join(f"{area:.2f}" for area in areas)
    return f"{percent(statistics.mean(areas)):.2f} % ({each})"
