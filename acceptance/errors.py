"""Row on errors that accumulate where a model of language reads what it wrote itself."""

import re
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acceptance.counting import KneserNey
from acceptance.session import Outcome, Session

WRITER = (
    "cartograd train gpt:dim=64,heads=2,depth=2,context=256,positions=rotary,dropout=0 "
    "--data shakespeare:WORKS,window=256,test=0.2 --epochs 3 --optimizer adamw:lr=5e-3 "
    "--set seed=SEED schedule=onecycle batch_size=8 clip=1.0"
)
TAUGHT = f"{WRITER} objective=scheduled-sampling:teacher_forcing=0.75,total=400"
CURE = "top-p:p=0.85"
FIRST = 3
"""Seed of the first run: those before went into a first form of the row."""

PROMPT, WRITTEN, PROMPTS, SAME, SEEN = 64, 192, 96, 8, 4
"""Bytes of a prompt and of what is written behind it, prompts, bytes in a row that count as said
before, and bytes that the judge sees before one."""

BLOCKS = ((0, 16), (16, 64), (64, 128), (128, 192))
LOST, EARLY, NEAR, LIKELY = 50.0, 10.0, 5.0, 0.5
"""Points of repetition more than behind true text in the last block, and fewer than these in the
first; points that the cure may be from real text there, and bits per byte that it may be off."""

Block = tuple[float, float]
"""Percent of the bytes that end eight which their text has had, and bits by the judge."""


def error_accumulation(session: Session, /) -> Outcome:
    """What a GPT writes by its likeliest bytes, behind its own text and behind the true one."""
    works = session.work / "works.txt"
    works.write_text(_works())
    writer, taught = (one.replace("WORKS", str(works)) for one in (WRITER, TAUGHT))
    data = writer.split("--data ")[1].split()[0]
    texts, judge = _texts(data), _judge(data)
    runs = [session.train(writer, FIRST + seed) for seed in session.seeds]
    found = [_measured(run.folder, texts, judge) for run in runs]
    sampled = _measured(session.train(taught, 0).folder, texts, judge)["free"]
    still = re.sub(r"adamw:\S+", "sgd:lr=0", writer).replace("epochs 3", "epochs 1")
    plain = session.train(still.replace(" schedule=onecycle", ""), 0)
    untrained = _measured(plain.folder, texts, judge)["cured"]
    real = _told(texts, texts, judge)

    def fine(cured: list[Block]) -> bool:
        (said, bits), (true, usual) = cured[-1], real[-1]
        return abs(said - true) <= NEAR and abs(bits - usual) <= LIKELY

    lost = [[a[0] - b[0] for a, b in zip(one["free"], one["forced"], strict=True)] for one in found]
    grown = all(one[-1] >= LOST and one[0] <= EARLY for one in lost)
    return Outcome(
        claim="Errors of a GPT that writes its likeliest byte accumulate, and a cure",
        command=f"{writer.replace(str(works), 'WORKS')}\n$ cartograd generate RUN TEXT",
        measured=[round(one[-1], 2) for one in lost],
        asked=f"of bytes 129 to 192 at least {LOST:g} points more end eight in a row that their "
        f"text has had than behind the true text, of the first 16 at most {EARLY:g}; cured by "
        f"`--sampler {CURE}` within {NEAR:g} points and {LIKELY:g} bits of real text, which "
        "untrained weights are not",
        passed=grown and all(fine(one["cured"]) for one in found) and not fine(untrained),
        unit="points",
        beside={
            "in blocks of bytes": ", ".join(f"{a + 1} to {b}" for a, b in BLOCKS),
            "free, likeliest byte": _lists([one["free"] for one in found]),
            "behind the true text, likeliest byte": _lists([one["forced"] for one in found]),
            f"free, {CURE}": _lists([one["cured"] for one in found]),
            "free, likeliest byte, after scheduled sampling (seed 0)": _lists([sampled]),
            "real text": _lists([real]),
            f"untrained, {CURE}": _lists([untrained]),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            "WORKS is every third work of `shakespeare`. Figures are percent repeated / bits per "
            f"byte by a Kneser-Ney model of five bytes that counted the training part; {PROMPTS} "
            "prompts of 64 unseen bytes. Loops are likely to a judge: low bits alone are no "
            "quality. Seeds are 3, 4 and 5. Thresholds were set by seed 100. A first form of the "
            "row, whose cure was p=0.6, failed with seeds 0, 1 and 2: its text was 0.5 to 0.8 bits "
            "per byte more likely than real text (that of seed 100 had been looked at by a "
            "judge of more works); then p=0.85 was chosen by seed 100, and all else left."
        ],
    )


def _works() -> str:
    """Every third work, as the source reads them."""
    from cartograd.data.store import packages

    whole = (packages.where("shakespeare") / "shakespeare.txt").read_text(encoding="utf-8")
    return "".join(f"\f{work}" for work in whole.split("\f")[1::3])


def _texts(data: str) -> Tensor:
    """Unseen prompts and what really comes after them."""
    import cartograd as cg

    test = cg.dataset(data).test
    return test.select(range(0, len(test), len(test) // PROMPTS)[:PROMPTS]).inputs.long()


def _judge(data: str) -> KneserNey:
    """Counts of five bytes in a row in what is learned from."""
    import cartograd as cg

    train = cg.dataset(data).train
    return KneserNey([train.select(range(len(train))).inputs.flatten().numpy()], order=SEEN + 1)


def _measured(folder: Any, texts: Tensor, judge: KneserNey, /) -> dict[str, list[Block]]:
    """What is drawn behind true text, freely, and freely by the cure; block by block."""
    import cartograd as cg
    from cartograd.architectures.decoding.generate import generate
    from cartograd.core.build import build

    model: Any = cg.load(folder).model.model
    model.eval()
    prompts, found = texts[:, :PROMPT], {}
    ways = {"free": ((), None), "cured": ((CURE,), torch.Generator().manual_seed(0))}
    with torch.no_grad():
        drawn = model(texts)[:, PROMPT - 1 : -1].argmax(2)
        found["forced"] = _told(texts, torch.cat([prompts, drawn], 1), judge)
        for name, (samplers, generator) in ways.items():
            rows = generate(
                model.decoder(len(texts), PROMPT + WRITTEN), prompts, None, generator,
                length=WRITTEN, samplers=[build(one, kind="token-sampler") for one in samplers],
            )  # fmt: skip
            text = torch.cat([prompts, torch.tensor(rows)], 1)
            found[name] = _told(text, text, judge)
    return found


def _told(before: Tensor, drawn: Tensor, judge: KneserNey) -> list[Block]:
    """Repetition and bits of bytes, each behind a text that need not be its own."""
    repeated, bits = np.zeros((2, len(drawn), WRITTEN))
    for row, (past, own) in enumerate(zip(before.tolist(), drawn.tolist(), strict=True)):
        ends = range(PROMPT, PROMPT + WRITTEN)
        grams = np.array([[*past[end - SEEN : end], own[end]] for end in ends])
        bits[row] = judge.bits(grams.ravel()).reshape(grams.shape)[:, -1]
        known = {tuple(past[end - SAME : end]) for end in range(SAME, PROMPT)}
        for place, end in enumerate(ends):
            repeated[row, place] = (*past[end - SAME + 1 : end], own[end]) in known
            known.add(tuple(past[end - SAME : end]))
    return [(100 * float(repeated[:, a:b].mean()), float(bits[:, a:b].mean())) for a, b in BLOCKS]


def _lists(each: list[list[Block]]) -> str:
    return "; ".join(", ".join(f"{said:.1f} / {bits:.2f}" for said, bits in one) for one in each)
