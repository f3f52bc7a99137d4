"""Rows on adapters: a class that a model has never seen, learned beside its weights."""

import json
from pathlib import Path
from typing import Any

import torch

from acceptance.diffusion import JUDGE
from acceptance.session import Outcome, Session, percent

BASE = (
    "cartograd train v-diffusion --data digits:without=9 --epochs 60 --set seed=SEED batch_size=96"
)
TUNED = (
    "cartograd train BASE --data digits:only=9 --epochs 50 --optimizer adamw:lr=3e-3 "
    "--set seed=SEED batch_size=32 samples=0 adapter=lora:rank=8,match=*.told"
)
WHOLE = TUNED.replace(" adapter=lora:rank=8,match=*.told", "").replace("3e-3", "3e-4")
UNTRAINED = TUNED.replace("adamw:lr=3e-3", "sgd:lr=0").replace("--epochs 50", "--epochs 1")
NEW, OTHERS, EACH = 9, 9, 60
"""The class that comes later, how many there were before, and pictures drawn of each of these."""
DRAWN = 500
"""Pictures of the new class."""
LEAST, DROP, SHARE = 0.7, 0.05, 0.03


def lora_digits(session: Session, /) -> Outcome:
    """A digit that a model of the other nine learns, from few pictures."""
    from cartograd.apps.load.target import as_signed

    judge = as_signed(session.train(JUDGE.replace("DATA", "digits"), 0).folder / "bundle")
    bases = [session.train(BASE, seed) for seed in session.seeds]

    def tuned(command: str) -> list[Any]:
        return [
            session.train(command.replace("BASE", str(base.folder)), seed)
            for base, seed in zip(bases, session.seeds, strict=True)
        ]

    runs, whole, blind = tuned(TUNED), tuned(WHOLE), tuned(UNTRAINED)
    nine, all_nine, none = (
        [right(judge, one.folder, [NEW] * DRAWN) for one in some] for some in (runs, whole, blind)
    )
    before, after, lost = (
        [right(judge, one.folder, [*range(OTHERS)] * EACH) for one in some]
        for some in (bases, runs, whole)
    )
    shares = [_share(run.folder) for run in runs]
    kept = all(a > b - DROP for a, b in zip(after, before, strict=True))
    return Outcome(
        claim="LoRA beside a diffusion model of nine digits, which learns the tenth",
        command=f"{BASE}\n$ {TUNED.replace('BASE', 'RUN')}",
        measured=[percent(one) for one in nine],
        asked=f"with at most 200 pictures and less than {SHARE:.0%} of the model's numbers a judge "
        f"sees the new class in at least {LEAST:.0%} of {DRAWN} pictures, and what it sees in "
        f"pictures of the others falls by less than {100 * DROP:.0f} points; an untrained adapter "
        "does not reach it",
        passed=min(nine) >= LEAST and kept and max(shares) < SHARE and max(none) < LEAST,
        beside={
            "an untrained adapter": _percents(none),
            "the other classes, before": _percents(before),
            "the other classes, after": _percents(after),
            "numbers that learn": f"{max(shares):.2%} of the model's",
            "pictures of the new class": str(_pictures()),
            "all numbers learn, by a tenth of the rate": _percents(all_nine),
            "the other classes then": _percents(lost),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            f"The base took {', '.join(f'{one.cpu:.0f}' for one in bases)} CPU seconds. "
            f"{OTHERS * EACH} pictures of the others, all by DDIM in 20 steps. The class had a "
            "number from the start, which stood for nothing; what learns stands beside the layers "
            "that are told time and class; how many of them, and how long, was chosen on seed 100. "
            "Classes are a network's that has guided nothing.",
        ],
    )


def right(judge: Any, folder: Path, asked: list[int], /) -> float:
    """In how many pictures the judge sees the class that was asked for."""
    import cartograd as cg
    from cartograd.apps.verbs.judge import Judge

    drawn = cg.sample(folder, len(asked), condition=asked, sampler="ddim:steps=20")
    return (Judge(judge).classes(drawn).argmax(1) == torch.tensor(asked)).double().mean().item()


def _share(folder: Path) -> float:
    """What share of the model's numbers learned."""
    from cartograd.engine.files.bundle import load

    learned = json.loads((folder / "adapter" / "adapter.json").read_text())["parameters"]
    return learned / sum(one.numel() for one in load(folder).model.parameters())


def _pictures() -> int:
    """Of the new class, for training and validation."""
    import cartograd as cg

    data = cg.dataset(f"digits:only={NEW}")
    return len(data.train) + len(data.valid)


def _percents(values: list[float]) -> str:
    return ", ".join(f"{one:.1%}" for one in values)
