"""A row on files for phones: architectures of each family, written and run by ExecuTorch.

The package is an optional one that the tests do without (`tests/stand_ins`), so here it is asked
for: `pip install executorch` before the row is run.
"""

import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from acceptance.session import Outcome, Session

LEAST = 1e-4
"""The largest difference that counts as rounding, as a share of the largest answer (or of 1)."""
SECONDS = 60
"""Of processor time that one architecture may take the compiler."""
BATCHES = 1, 3, 9
"""The last is above what a file takes at once by default."""

ARCHITECTURES = (
    "mlp", "lenet5", "autoencoder", "llama", "resnet", "vit", "gru", "decision-tree",
)  # fmt: skip
"""Asked of the library, by name."""

REASONS = {"gru": "it takes one size alone"}
"""Those that no file for phones is made of, with what is said."""


def phones(session: Session, /) -> Outcome:
    """Each architecture as small as its card says."""
    names = ARCHITECTURES
    found = [[_kept(session, name, seed) for name in names] for seed in session.seeds]
    wrong = [
        f"{name}: {one.get('refused') or one['difference']}"
        for of in found
        for name, one in zip(names, of, strict=True)
        if not _as_told(name, one)
    ]
    written = [[one for one in of if "difference" in one] for of in found]
    return Outcome(
        claim="Architectures of each family as files for phones, written by ExecuTorch's compiler "
        "and run by its runtime, or a sentence that says why not",
        command="cartograd export RUN --to executorch --check",
        measured=[max((one["difference"] for one in of), default=0.0) for of in written],
        unit="of the largest answer",
        asked=f"the largest difference at most {LEAST:g}, for batches of 1, 3 and 9; the table of "
        "reasons names all others and no more",
        passed=not wrong,
        beside={
            "written": ", ".join(name for name in names if name not in REASONS),
            "not written": "; ".join(f"{name}: {why}" for name, why in sorted(REASONS.items())),
            "not as told": "; ".join(wrong),
        },
        cpu=[sum(one["cpu"] for one in of) for of in found],
        wall=[sum(one["wall"] for one in of) for of in found],
        notes=[
            "Weights are random, by the seed, and each file is made and run in a process of its "
            "own; executorch 1.5.1 on the processor of this machine.",
            "Texts of up to 32 tokens; the largest batch is above the 8 that a file takes at once.",
            "Seen before: seed 100 (at most 2e-7 on these), and of it AlexNet and BERT, both "
            "written (5e-8 and 3e-8); that a tree is written was learned there.",
        ],
    )


def _as_told(name: str, one: dict[str, Any]) -> bool:
    """Whether an architecture is written as it should be, or refused as the table says."""
    if name in REASONS:
        return REASONS[name] in one.get("refused", "")
    return one.get("difference", float("inf")) <= LEAST


def _kept(session: Session, name: str, seed: int) -> dict[str, Any]:
    """What came of one architecture, kept so that a row that was stopped goes on."""
    kept = session.work / f"{name}-{seed}.json"
    if not kept.exists():
        kept.write_text(json.dumps(apart(name, seed)))
    return json.loads(kept.read_text())


def apart(name: str, seed: int, /) -> dict[str, Any]:
    """What came of one architecture, in a process that ends with it."""
    from executorch.backends.xnnpack.partition import xnnpack_partitioner  # noqa: F401  once
    from executorch.exir import to_edge_transform_and_lower  # noqa: F401

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        start, before = time.perf_counter(), os.times()
        if not (child := os.fork()):
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            try:
                told.write_text(json.dumps(_tried(name, seed, Path(folder))))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        after = os.times()
        cpu = after.children_user + after.children_system
        cpu -= before.children_user + before.children_system
        spent = {"cpu": cpu, "wall": time.perf_counter() - start}
        if told.exists():
            return json.loads(told.read_text()) | spent
        code = os.waitstatus_to_exitcode(status)
        return {"refused": f"it ended with {code}"} | spent


def _tried(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """The largest difference between a model and its file, or why there is none."""
    from cartograd.core.build import build
    from cartograd.core.errors import UsageError
    from cartograd.core.registry import cards
    from cartograd.practice.deployment.executorch import executorch, running
    from tests.conformance.support import inputs, signature_of

    card = next(one for one in cards().values() if (one.name, one.kind) == (name, "model"))
    sizes = ("classes", "features", "channels", "size", "vocabulary", "padding_id")
    args = {key: value for key, value in card.tiny.items() if key not in sizes}
    torch.manual_seed(seed)
    model = build(name, kind="model", signature=signature_of(card), **args).eval()
    worst = 0.0
    try:
        path = executorch(model, folder / "model.pte", context=32)
        run = running(path)
        for b in BATCHES:
            given = inputs(model.signature, b, seed=b)
            with torch.inference_mode():
                expected = model(*given)
            answer = torch.from_numpy(run([one.numpy() for one in given]))
            most = max(1.0, float(expected.abs().max()))
            worst = max(worst, float((answer - expected).abs().max()) / most)
    except UsageError as error:
        return {"refused": str(error)}
    return {"difference": worst, "size": path.stat().st_size}
