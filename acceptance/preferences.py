"""Rows on preferences: a published model learns what is liked, and what a reward asks for."""

import json
from pathlib import Path
from typing import Any

from acceptance.session import Outcome, Session, percent

SHAPE = "adapter=lora:rank=8,match=*attention* batch_size=8 seed=SEED"
LIKED = f"cartograd train smollm2 --data preferences:PAIRS --epochs 1 --set {SHAPE}"
LIKED += " --optimizer adamw:lr=3e-4"
RAISED = (
    "cartograd train smollm2 --data preferences:PAIRS --epochs 1 --set "
    f"objective=grpo:reward=REWARD,generations=4,length=24,beta=BETA {SHAPE} "
    "--optimizer adamw:lr=3e-4"
)
STILL = RAISED.replace("adamw:lr=3e-4", "sgd:lr=0")
BEINGS = "cat dog cow hen fox owl bee ant pig rat crow frog goat hare lamb mole newt seal swan wolf"
FOODS = "milk bread honey seeds grass corn apples worms"
RIGHT, SHORTER, FAR = 0.9, 0.7, 15.0
"""Least accuracy on held-out pairs, greatest share of the length, and most divergence in nats."""


def preferences_smollm2(session: Session, /) -> Outcome:
    """SmolLM2 by DPO on polite answers, by GRPO on short ones, and on a reward that invites it."""
    pairs, turned = (_pairs(session.work, turned=one) for one in (False, True))

    def last(
        command: str, seed: int, file: Path = pairs, **words: str
    ) -> tuple[dict[str, Any], Any]:
        for word, value in ({"PAIRS": str(file)} | words).items():
            command = command.replace(word, value)
        ran = session.train(command, seed)
        return ran.epochs()[-1], ran

    liked, blind, before, after, hacked, runs = [], [], [], [], [], []
    for seed in session.seeds:
        found, ran = last(LIKED, seed)
        liked.append(found)
        runs.append(ran)
        blind.append(last(LIKED, seed, turned)[0])
        before.append(last(STILL, seed, REWARD="brevity", BETA="0.04")[0])
        after.append(last(RAISED, seed, REWARD="brevity", BETA="0.04")[0])
        hacked.append(
            (last(STILL, seed, REWARD="letter-e", BETA="0")[0],
             last(RAISED, seed, REWARD="letter-e", BETA="0")[0])
        )  # fmt: skip
    right = [one["valid/accuracy"] for one in liked]
    shares = [b["valid/reward"] / a["valid/reward"] for a, b in zip(before, after, strict=True)]
    far = [one["valid/kl"] for one in after]
    return Outcome(
        claim="SmolLM2 learns from 160 pairs which answers are polite, and from a rule to be brief",
        command=f"{LIKED}\n$ {RAISED}",
        measured=[percent(one) for one in right],
        asked=f"the better answer of held-out pairs has the higher reward in at least {RIGHT:.0%}, "
        "which pairs turned round at random do not teach; and the rule makes answers at most "
        f"{SHORTER:.0%} as long at a divergence below {FAR:g} nats of an answer",
        passed=min(right) >= RIGHT
        and max(one["valid/accuracy"] for one in blind) < RIGHT
        and max(shares) <= SHORTER
        and max(far) < FAR,
        beside={
            "pairs turned round at random": _percents([one["valid/accuracy"] for one in blind]),
            "length of answers, of what it was": _percents(shares),
            "divergence of these": ", ".join(f"{one:.1f}" for one in far),
            "letters e of an answer, rewarded without a price": ", ".join(
                f"{a['valid/reward']:.1f} to {b['valid/reward']:.1f}" for a, b in hacked
            ),
            "divergence of these answers": ", ".join(f"{b['valid/kl']:.1f}" for _, b in hacked),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            "A letter is a reward that invites hacking: nothing says that there should be words."
        ],
    )


def _pairs(folder: Path, *, turned: bool) -> Path:
    """Polite answers against rude ones; turned round, every other pair of those by turns."""
    rows = []
    for i, being in enumerate(BEINGS.split()):
        for j, food in enumerate(FOODS.split()):
            answers = f"Yes, the {being} likes {food}.", f"No. Who cares about the {being}?"
            good, bad = answers[::-1] if turned and (i + j // 2) % 2 else answers
            row = {"prompt": f"Does the {being} like {food}?", "chosen": good, "rejected": bad}
            rows.append(json.dumps(row))
    path = folder / ("turned.jsonl" if turned else "pairs.jsonl")
    path.write_text("\n".join(rows))
    return path


def _percents(values: list[float]) -> str:
    return ", ".join(f"{one:.1%}" for one in values)
