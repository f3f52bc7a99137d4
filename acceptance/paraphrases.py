"""A row on back-translation: few labelled texts, and what two of our translators make of them."""

import csv
import statistics
from pathlib import Path
from typing import Any

from acceptance.session import Outcome, Session, percent

PROGRAMS = {"gimp": "GIMP", "gnucash": "GnuCash", "wesnoth": "Wesnoth"}
WORDS = range(4, 15)
"""Of a message, in English."""

FEW, VALID = 20, 20
"""Messages of each program for training and validation; all others are for the test."""

TRANSLATOR = (
    "cartograd train seq2seq-luong:dim=128,dropout=0.1 "
    "--data pairs:{pairs},vocabulary=2000,context=24 --epochs 8 --optimizer adamw:lr=3e-3 "
    "--set seed=0 decay=all schedule=onecycle batch_size=64 clip=1.0"
)
COPIES = 2
AUGMENT = "cartograd augment {few} --target program --out {out} --seed SEED"
TRANSLATED = "--there {there} --back {back} --temperature 0.7 --copies 2"
SHUFFLED = "--method random-deletion:p=0.15 --copies 2"
CLASSIFIER = (
    "cartograd train gru:dim=48,dropout=0.3 --data {data} --target program --epochs {epochs} "
    "--optimizer adamw:lr=3e-3 --set seed=SEED decay=all batch_size=16 clip=1.0"
)
EPOCHS = 45
"""Without augmentation; with it a third of them, so that all take about as many steps."""


def back_translation(session: Session, /) -> Outcome:
    """From which program is a message: 60 labelled ones, alone and with their paraphrases."""
    few = {seed: _few(session.work, seed) for seed in session.seeds}
    ways = [
        session.train(TRANSLATOR.format(pairs=_pairs(session.work, name)), 0)
        for name in ("en-zh", "zh-en")
    ]
    options = {
        "back-translation": TRANSLATED.format(there=ways[0].folder, back=ways[1].folder),
        "random deletion": SHUFFLED,
    }
    plain = [session.train(CLASSIFIER.format(data=few[s], epochs=EPOCHS), s) for s in few]
    arms = {"no augmentation": [percent(run.metric("accuracy")) for run in plain]}
    said, runs = [], []
    for name, option in options.items():
        arms[name] = []
        for seed, table in few.items():
            out = session.work / f"{name.replace(' ', '-')}-{seed}.csv"
            command = AUGMENT.format(few=table, out=out).replace("SEED", str(seed))
            answer, cpu, _ = session.run(f"{command} {option} --json")
            run = session.train(CLASSIFIER.format(data=out, epochs=EPOCHS // (1 + COPIES)), seed)
            arms[name].append(percent(run.metric("accuracy")))
            if name == "back-translation":
                said.append(answer | {"cpu": cpu})
                runs.append(run)
    kept = [one["kept"] / (one["texts"] * COPIES) for one in said]
    return Outcome(
        claim="60 messages of three programs, told apart with their back-translations",
        command=f"{AUGMENT} {TRANSLATED}".format(
            few="few.csv", out="more.csv", there="EN-ZH", back="ZH-EN"
        ),
        measured=arms["back-translation"],
        asked="at least half of the back-translations are texts that were not there; whether they "
        "help is told, not promised",
        passed=min(kept) >= 0.5,
        beside=_compared(arms)
        | _texts(said)
        | {
            "chrF of the translators, into Chinese and back": ", ".join(
                f"{100 * way.metric('chrf'):.1f}" for way in ways
            ),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            "The translators learned from other messages of the same programs, without labels: "
            + ", ".join(f"{way.cpu:.0f}" for way in ways)
            + " CPU seconds; to translate there and back took "
            + ", ".join(f"{one['cpu']:.0f}" for one in said)
            + ".",
            f"Each classifier: {FEW} messages of each program for training and as many for "
            "validation; all arms take about as many steps.",
        ],
    )


def _compared(arms: dict[str, list[float]]) -> dict[str, str]:
    """Accuracies by arm, and what each gains on the first, in words."""
    (plain, without), *others = arms.items()
    shown = {name: ", ".join(f"{one:.2f} %" for one in each) for name, each in arms.items()}
    return shown | {f"{name} less {plain}": _gain(each, without) for name, each in others}


def _texts(said: list[dict[str, Any]]) -> dict[str, str]:
    """What became of the texts that were translated there and back, in words."""
    return {
        "kept, unchanged, like another text, did not end": "; ".join(
            f"{one['kept']}, {one['unchanged']}, {one['heard']}, {one['cut']}" for one in said
        ),
        "words of new texts that stand in the old": ", ".join(
            f"{one['shared']:.0%}" for one in said
        ),
        "an example": " -> ".join(said[0]["examples"][0]),
    }


def _gain(ours: list[float], theirs: list[float]) -> str:
    """The mean of paired differences with Student's interval over seeds."""
    from scipy.stats import t

    gains = [one - other for one, other in zip(ours, theirs, strict=True)]
    mean = statistics.mean(gains)
    if len(gains) < 2:
        return f"{mean:+.1f} points, one seed"
    half = float(t.ppf(0.975, len(gains) - 1)) * statistics.stdev(gains) / len(gains) ** 0.5
    where = "above 0" if mean > half else "below 0" if mean < -half else "undecided"
    return f"{mean:+.1f} points ({mean - half:+.1f} to {mean + half:+.1f} over seeds): {where}"


def _messages() -> dict[str, tuple[str, str]]:
    """English messages, what they are in Chinese, and the program that they are from."""
    from cartograd.data.sources.gettext import message_pairs
    from cartograd.data.store import packages

    found: dict[str, tuple[str, str]] = {}
    for file in sorted(packages.where("gettext").glob("zh_CN.*.mo")):
        program = next(title for key, title in PROGRAMS.items() if key in file.name)
        for english, chinese in message_pairs(file):
            if len(english.split()) in WORDS:
                found.setdefault(english, (chinese, program))
    return found


def _parts() -> tuple[list[str], list[str]]:
    """Messages to learn translation from, and others to tell apart."""
    from cartograd.data.dataset.token_rows import parts

    texts = list(_messages())
    cut = parts(texts, valid=0.0, test=0.25)
    return [texts[i] for i in cut["train"]], [texts[i] for i in cut["test"]]


def _pairs(work: Path, direction: str) -> Path:
    known, path = _messages(), work / f"{direction}.tsv"
    lines = []
    for english in _parts()[0]:
        pair = english, known[english][0]
        lines.append("\t".join(pair if direction == "en-zh" else pair[::-1]))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _few(work: Path, seed: int) -> Path:
    """A table of few messages to learn from, drawn by the seed."""
    import random

    known, path = _messages(), work / f"few-{seed}.csv"
    texts = _parts()[1]
    random.Random(seed).shuffle(texts)
    seen = dict.fromkeys(PROGRAMS.values(), 0)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("message", "program", "split"))
        for text in texts:
            program = known[text][1]
            count = seen[program] = seen[program] + 1
            part = "train" if count <= FEW else "valid" if count <= FEW + VALID else "test"
            rows.writerow((text, program, part))
    return path
