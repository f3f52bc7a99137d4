"""Row on labelled texts of one's own, English and Chinese: from scratch and from a published model."""

import csv
from pathlib import Path
from typing import Any

from acceptance.session import Outcome, Ran, Session, percent

SECTIONS = ("admin", "games", "graphics", "science", "web")
EACH, AWAY, LONGEST = 500, 40, 80
"""Texts of each class at most, texts that are kept apart to be explained, letters of a review."""

ENGLISH = "--data sections.csv --target section --set seed=SEED batch_size=64 clip=1.0"
CHINESE = "--data reviews.csv --target feeling --set seed=SEED batch_size=64 clip=1.0"
LSTM = "cartograd train lstm:dim=48,bidirectional=true,dropout=0.3"
BERT = "cartograd train bert:dim=64,depth=2,heads=4,ffn_dim=128,dropout=0.2"
MINILM = "cartograd train minilm"
COMMANDS = {
    "LSTM": f"{LSTM} {ENGLISH} --epochs 8 --optimizer adamw:lr=3e-3",
    "BERT": f"{BERT} {ENGLISH} --epochs 12 --optimizer adamw:lr=1e-3",
    "head": f"{MINILM} {ENGLISH} freeze=true --epochs 5 --optimizer adamw:lr=1e-2",
    "MiniLM": f"{MINILM} {ENGLISH} --epochs 3 --optimizer adamw:lr=2e-4",
    "LSTM, Chinese": f"{LSTM} {CHINESE} --epochs 4 --optimizer adamw:lr=3e-3",
    "BERT, Chinese": f"{BERT} {CHINESE} --epochs 5 --optimizer adamw:lr=1e-3",
}
METHOD = "integrated_gradients:steps=32"
JUDGE = f"cartograd explain RUN SOURCES --judge --method {METHOD} --json"
EXPLAINED = {"MiniLM": "english", "LSTM, Chinese": "chinese"}
"""Models that are explained, and the folders of texts that none has learned."""


def texts_with_labels(session: Session, /) -> Outcome:
    """What packages are for, and what readers think of books: six models, two explanations."""
    _write(session.work)
    runs = {
        name: [session.train(command, seed) for seed in session.seeds]
        for name, command in COMMANDS.items()
    }
    right = {name: [run.metric("accuracy") for run in some] for name, some in runs.items()}
    for name in right:
        print(name, right[name], [r.cpu for r in runs[name]], [r.said["baseline"] for r in runs[name]])
    found = {name: [_judged(session, run, where) for run in runs[name]] for name, where in EXPLAINED.items()}
    print(found)
    return found


def _judged(session: Session, run: Ran, where: str) -> tuple[float, float]:
    """At which share of the texts an explanation beats random numbers by deletion; and insertion."""
    command = JUDGE.replace("RUN", str(run.folder)).replace("SOURCES", where)
    said: dict[str, Any] = session.run(command)[0]["better_than_random"][METHOD]
    return said["deletion"], said["insertion"]


def _write(work: Path) -> None:
    """Tables of both languages, and folders of texts that are in neither."""
    _table(work, "sections", "section", "english", _packages())
    _table(work, "reviews", "feeling", "chinese", _reviews())


def _table(work: Path, name: str, target: str, apart: str, rows: list[tuple[str, str]]) -> None:
    """A table of texts, and every so many texts as files beside it."""
    step = len(rows) // AWAY
    folder = work / apart
    folder.mkdir(exist_ok=True)
    for number, (text, _) in enumerate(rows[::step][:AWAY]):
        (folder / f"{number:02}.txt").write_text(text, encoding="utf-8")
    with (work / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", target])
        writer.writerows(row for number, row in enumerate(rows) if number % step)


def _packages() -> list[tuple[str, str]]:
    """The first lines of descriptions, one of each source, as many of each section."""
    from cartograd.data.sources import debian_descriptions
    from cartograd.data.store import packages

    found: dict[str, dict[str, None]] = {section: {} for section in SECTIONS}
    sources: set[str] = set()
    for source, section, text in debian_descriptions._packages(packages.where("debian-descriptions")):
        if section in found and source not in sources and len(found[section]) < EACH:
            sources.add(source)
            found[section][text.split("\n")[0]] = None
    return [(text, section) for section, texts in found.items() for text in texts]


def _reviews() -> list[tuple[str, str]]:
    """Short reviews, each once, as many of each kind; those of both kinds left out."""
    from cartograd.data.sources import zh_reviews
    from cartograd.data.store import packages

    folder = packages.where("zh-reviews")
    lines = {label: zh_reviews._lines(folder / name) for label, name in zh_reviews.FILES.items()}
    both = set(lines["negative"]) & set(lines["positive"])
    return [
        (text, label)
        for label, texts in lines.items()
        for text in [one for one in texts if len(one) <= LONGEST and one not in both][: 4 * EACH]
    ]
