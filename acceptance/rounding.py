"""A row on few bits: a network that learns while it is rounded, beside one rounded afterwards."""

import json
from typing import Any

from acceptance.session import Outcome, Ran, Session, percent, seeded
from cartograd.core.files import write_file

DATA = "--data fashion-mnist:examples=4000"
WHOLE = f"cartograd train resnet18:width=8 {DATA} --epochs 4 --set seed=SEED yardstick=none"
AFTER = "quantize-static:bits=BITS"
TAUGHT = "quantize-aware:bits=BITS,epochs=2,seed=SEED,yardstick=none"
BITS = 4, 3
LEAST = 1.0
"""Points of accuracy by which training has to be better, of issue and specification."""


def qat_fashion(session: Session, /) -> Outcome:
    """Four and three bits for weights and inputs of a ResNet-18, with and without a training."""
    wholes = [session.train(WHOLE, seed) for seed in session.seeds]
    found = {
        (bits, how): [
            _rounded(session, run, seed, steps.replace("BITS", str(bits)))
            for run, seed in zip(wholes, session.seeds, strict=True)
        ]
        for bits in BITS
        for how, steps in (("after", AFTER), ("taught", TAUGHT))
    }
    reached = {key: [percent(one["value"]) for one, _, _ in of] for key, of in found.items()}
    gains = {
        bits: [
            b - a for a, b in zip(reached[bits, "after"], reached[bits, "taught"], strict=True)
        ]
        for bits in BITS
    }  # fmt: skip
    first = found[BITS[0], "after"]
    more = [[of[n] for of in found.values()] for n in range(len(wholes))]
    cpu = [run.cpu + sum(one for _, one, _ in of) for run, of in zip(wholes, more, strict=True)]
    wall = [run.wall + sum(one for _, _, one in of) for run, of in zip(wholes, more, strict=True)]
    return Outcome(
        claim="Weights and inputs of four bits, and of three, for a ResNet-18 of width 8 on 4,000 "
        "pictures of Fashion-MNIST: trained while they are rounded, against rounded afterwards",
        command=f"{WHOLE}\n$ cartograd compress RUN --steps {TAUGHT.replace('BITS', '4')}\n"
        f"$ cartograd compress RUN --steps {AFTER.replace('BITS', '4')}",
        measured=gains[4],
        unit="points",
        asked=f"for each seed, at least {LEAST:g} point more accurate on 10,000 pictures, with "
        "four bits and with three",
        passed=min(min(one) for one in gains.values()) >= LEAST,
        beside={
            "four bits, rounded afterwards": _listed(reached[4, "after"]),
            "four bits, trained": _listed(reached[4, "taught"]),
            "three bits, rounded afterwards": _listed(reached[3, "after"]),
            "three bits, trained": _listed(reached[3, "taught"]),
            "gained with three bits": ", ".join(f"{one:+.2f}" for one in gains[3]) + " points",
            "32 bits": _listed([percent(one["before"]) for one, _, _ in first]),
        },
        cpu=cpu,
        wall=wall,
        notes=[
            "Afterwards: ranges of inputs and weights are those of least squared error on 512 of "
            "the training's pictures, batch norm is folded. The training begins from these, and "
            "learns its step sizes (LSQ), for two epochs; 32 bits had four.",
            "CPU time is that of the network's training and of all four others.",
            "Seen before: seed 100, with 81.26 and 82.96 % of four bits, 61.98 and 82.31 % of "
            "three, and 83.80 % of 32.",
        ],
    )


def _rounded(
    session: Session, run: Ran, seed: int, steps: str
) -> tuple[dict[str, float], float, float]:
    """Accuracy before and after some steps, kept so that a row that was stopped goes on."""
    name = steps.partition(",")[0].replace(":", "-").replace("=", "-")
    kept = run.folder.parent / f"{name}.json"
    if not kept.exists():
        out = run.folder.parent / name
        again = " --resume" if out.exists() else ""
        said, cpu, wall = session.run(
            f"cartograd compress {run.folder} --steps {seeded(steps, seed)} --out {out}{again} "
            "--json"
        )
        write_file(kept, json.dumps([_ends(said), cpu, wall]))
    ends, cpu, wall = json.loads(kept.read_text())
    return ends, cpu, wall


def _ends(said: dict[str, Any]) -> dict[str, float]:
    first, last = said["stages"]
    return {"before": first["value"], "value": last["value"]}


def _listed(values: list[float]) -> str:
    return ", ".join(f"{one:.2f} %" for one in values)
