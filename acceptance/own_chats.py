"""A row on one's own chats: SmolLM2 learns from 500 of them how somebody else answers."""

import json
import math
import random
import re
from pathlib import Path
from typing import Any, NamedTuple

from acceptance.session import SEEDS, Outcome, Session
from cartograd.core.files import write_file

CHATS, PAGES = 500, 40
"""Chats of the file, and pages of plain text that were nothing to learn from."""

TUNED = (
    "cartograd train smollm2 --data chats:chats-SEED.jsonl,valid=0.08,test=0.2 --epochs 1 "
    "--optimizer adamw:lr=1e-3 --set seed=SEED batch_size=8 adapter=lora:rank=8"
)
HELD, WHOLE = "chats:{},valid=0.08,test=0.2", "chats:{},valid=0,test=0,context=256"
"""The chats as they are trained on, of which the test part was held back; and pages as they are."""

BETTER, APART, KEPT, MINUTES = 0.5, 0.3, 1.1, 15
"""Nats a token by which held-out answers become likelier, and are likelier than answers to other
questions; how much of its perplexity on pages the model may lose; processor minutes of a training.
Set before a seed was run, by the place and the specification alone."""

FEWER = "So far this is {} of {} seeds."

SYSTEM = "You explain English words."
ASKED = ("What does {} mean?", "Define the word {}.", "Explain {} to me.", "What is meant by {}?")
COMMON = 3
"""How often a word was met in texts whose senses were marked."""


def definitions(folder: Path, /) -> list[tuple[str, str]]:
    """Words of WordNet that are met in texts, each with what its first sense is."""
    found = list[tuple[str, str]]()
    for part in ("noun", "verb", "adj"):
        data = (folder / f"data.{part}").read_bytes()
        for line in (folder / f"index.{part}").read_text().splitlines():
            fields = line.split()
            if line.startswith(" ") or not fields[0].isalpha():
                continue
            senses = int(fields[2])
            if int(fields[-senses - 1]) < COMMON:
                continue
            start = int(fields[-senses])
            gloss = data[start : data.index(b"\n", start)].decode().partition(" | ")[2]
            found.append((fields[0], re.split(r'; "|;', gloss)[0].strip()))
    return sorted(set(found))


def write_chats(path: Path, words: list[tuple[str, str]], seed: int, /) -> None:
    """Chats on words that a seed draws: a question, and the definition in a sentence."""
    draw = random.Random(seed)
    chosen = dict(draw.sample(words, 2 * CHATS))
    rows = [
        {"messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": draw.choice(ASKED).format(word)},
            {"role": "assistant", "content": f"{gloss[:1].upper()}{gloss[1:]}."},
        ]}
        for word, gloss in list(chosen.items())[:CHATS]
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def write_pages(path: Path, seed: int, /) -> None:
    """Pages of the Brown corpus, five sentences each."""
    from cartograd.data.sources.brown import texts
    from cartograd.data.store import packages

    draw, rows = random.Random(seed), list[Any]()
    documents = texts(packages.where("brown") / "brown.txt")
    for name in draw.sample(sorted(documents), PAGES):
        page = " ".join(" ".join(word for word, _ in line) for line in documents[name][:5])
        rows.append({"text": re.sub(r" ([.,;:?!'])", r"\1", page.replace("``", '"'))})
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def write_swapped(path: Path, chats: Path, /) -> None:
    """The same questions, each with the answer to another."""
    rows = [json.loads(line) for line in chats.read_text(encoding="utf-8").splitlines()]
    answers = [row["messages"][-1] for row in rows]
    for row, answer in zip(rows, [*answers[1:], answers[0]], strict=True):
        row["messages"][-1] = answer
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


class Found(NamedTuple):
    """Nats a token of what a model reads.

    Attributes:
        answers: to held-out questions.
        swapped: to other questions than these.
        pages: of plain text.
    """

    answers: float
    swapped: float
    pages: float


def reached(before: Found, after: Found, cpu: float, /) -> bool:
    """Whether a training did what it should.

    >>> reached(Found(4.0, 4.2, 3.0), Found(3.0, 3.5, 3.05), 600.0)
    True
    >>> reached(Found(4.0, 4.2, 3.0), Found(3.0, 3.1, 3.05), 600.0)  # a manner, and no meaning
    False
    """
    likelier = before.answers - after.answers >= BETTER
    meant = after.swapped - after.answers >= APART
    kept = math.exp(after.pages - before.pages) <= KEPT
    return likelier and meant and kept and cpu <= 60 * MINUTES


def own_chats(session: Session, /) -> Outcome:
    """SmolLM2 with a small change beside its weights, learned from 500 chats."""
    from cartograd.data.store import packages

    words = definitions(packages.where("wordnet"))
    first, later, runs = list[Found](), list[Found](), list[Any]()
    for seed in session.seeds:
        chats, pages, swapped = (
            session.work / f"{name}-{seed}.jsonl" for name in ("chats", "pages", "swapped")
        )
        write_chats(chats, words, seed)
        write_pages(pages, seed)
        write_swapped(swapped, chats)
        runs.append(session.train(TUNED, seed))
        for found, target in ((first, "smollm2"), (later, str(runs[-1].folder))):
            kept = session.work / f"{'before' if found is first else 'after'}-{seed}.json"
            found.append(_found(kept, target, chats, swapped, pages))
    told = zip(first, later, runs, strict=True)
    lost = (math.exp(a.pages - b.pages) for b, a in zip(first, later, strict=True))
    return Outcome(
        claim="SmolLM2-135M on 500 chats of one's own, by LoRA",
        command=TUNED,
        measured=[round(one.answers, 3) for one in later],
        asked=f"for each seed, answers to 100 held-out questions at least {BETTER} nats a token "
        f"likelier than before and {APART} likelier than answers to other questions; perplexity on "
        f"plain pages at most {KEPT} times that of before; {MINUTES} processor minutes",
        passed=all(reached(b, a, run.cpu) for b, a, run in told),
        unit="nats a token",
        beside={
            "before": ", ".join(f"{one.answers:.3f}" for one in first),
            "answers to other questions, after": ", ".join(f"{one.swapped:.3f}" for one in later),
            "answers to other questions, before": ", ".join(f"{one.swapped:.3f}" for one in first),
            "perplexity on pages, before": ", ".join(f"{math.exp(x.pages):.2f}" for x in first),
            "perplexity on pages, after, as a share": ", ".join(f"{one:.3f}" for one in lost),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            f"{CHATS} questions on common words, each answered by the first sense of WordNet in a "
            f"sentence, drawn by the seed; {PAGES} pages of the Brown corpus, of which nothing was "
            "learned, up to 256 tokens. That answers to other questions stay unlikely shows that "
            "more than a manner of writing was learned, or kept. The base is quantised to four "
            "bits (Q4_1), and learns in floats of these.",
            *([FEWER.format(len(runs), len(SEEDS))] if len(runs) < len(SEEDS) else []),
        ],
    )


def _found(kept: Path, target: str, chats: Path, swapped: Path, pages: Path) -> Found:
    """What a model reads, written down so that a row that was stopped goes on."""
    import cartograd as cg
    from cartograd.apps.load.target import as_signed

    def nats(data: str, part: str) -> float:
        return cg.evaluate(model, data, part=part, metrics=["nll"]).metrics["nll"]

    if not kept.exists():
        model = as_signed(target)
        held = [nats(HELD.format(file), "test") for file in (chats, swapped)]
        write_file(kept, json.dumps([*held, nats(WHOLE.format(pages), "train")]))
    return Found(*json.loads(kept.read_text()))
