"""Row on explanations of tables and texts: do they name what the answer rests on?"""

import csv
from collections.abc import Iterable
from statistics import fmean, median
from typing import Any

from acceptance.session import Outcome, Ran, Session, percent

TABLE = "cartograd train mlp --data breast-cancer --set seed=SEED decay=all"
TEXT = (
    "cartograd train lstm:dim=48,bidirectional=true,dropout=0.3 --data zh-reviews:context=100 "
    "--epochs 3 --optimizer adamw:lr=3e-3 --set seed=SEED decay=all batch_size=64 clip=1.0"
)
UNTRAINED = {
    "table": f"{TABLE} --optimizer sgd:lr=0 --epochs 1",
    "text": "cartograd train lstm:dim=48,bidirectional=true,dropout=0.3 --data "
    "zh-reviews:context=100 --epochs 1 --optimizer sgd:lr=0 --set seed=SEED batch_size=512",
}
OF_TABLES, OF_TEXTS = "integrated_gradients:steps=300", "integrated_gradients:steps=64"
PRODUCT = "input-x-gradient"
JUDGE = "cartograd explain RUN SOURCES --judge --method METHOD --method input-x-gradient --json"
DRAWN = "cartograd explain RUN SOURCES --method kernel-shap:draws=2000 --repeats 5 --json"
SUMMED = f"cartograd explain RUN SOURCES --method {OF_TABLES} --json"
REVIEWS = 100
SHARE, APART, SPREAD, MIDDLE, MOST = 0.95, 0.30, 0.05, 2e-3, 5e-2
"""Answers at which an explanation beats random numbers by deletion, and by insertion; by how much
insertion is above deletion, beyond what it is for random numbers; the spread of a Shapley value
over seeds, by the mean size; how far integrated gradients' sum is from that of Shapley values, by
its size: of half of the answers, and of all."""

CURVES = ("deletion", "insertion")

AFTER = 3
"""The first seed: the row was asked before (see `AGAIN`)."""

AGAIN = (
    f"Seeds {AFTER} up: of seeds 0 to 2 the row failed by one clause and one of 381 rows of the "
    "table, whose answer is that of the baseline but for 0.00006 (the median row moves it by 4.1): "
    "its two sums are 0.0007 apart, ten times that change; the next worst was 0.6 % off. Sums are "
    "since measured by the answer's own change or by a hundredth of the median change, whichever "
    "is larger. All other clauses stood: reviews 99, 100 and 99 %, points 51 to 58 and 64 to 67, "
    "spread 2.7, 2.2 and 2.3 %, half of the sums within 0.02 %, untrained networks 4 and 1 points."
)

NOTE = (
    "Measured is the smaller share of reviews by the two curves. The shares, the spread and the "
    "sums are those of the specification, where the first is for pictures; the 30 points were set "
    "after seed 100, which is not counted: 55 and 69 points of the table and of 50 reviews, 2.6 "
    "and 3.1 of untrained networks; shares 100 % (table, both methods) and 98 %, of untrained "
    "networks 89.8 and 88 %; spread 2.3 %, sums apart by 0.01 and 1.7 %. Of reviews input x "
    "gradient had 92 % by insertion: it is told, not asked. How signed ranks change when weights "
    "are dealt anew is told, too: of thirty columns chance itself leaves 0.15, where the "
    "specification asks for 0.1 of pictures."
)


def explainers_tables_texts(session: Session, /) -> Outcome:
    """Tumours and reviews: explanations of trained networks, and of networks that know nothing."""
    sources = {"table": _rows(session), "text": _reviews(session)}
    runs = {
        "table": [session.train(TABLE, AFTER + seed) for seed in session.seeds],
        "text": [session.train(TEXT, AFTER + seed) for seed in session.seeds],
    }
    found = {kind: [_judged(session, run, kind, sources[kind]) for run in of]
             for kind, of in runs.items()}  # fmt: skip
    fresh = {
        kind: _judged(
            session, session.train(command, AFTER + session.seeds[0]), kind, sources[kind]
        )
        for kind, command in UNTRAINED.items()
    }
    drawn = [_summed(session, DRAWN, run, sources["table"]) for run in runs["table"]]
    summed = [_summed(session, SUMMED, run, sources["table"]) for run in runs["table"]]
    spread = [_spread(one) for one in drawn]
    gaps = [_gaps(*pair) for pair in zip(drawn, summed, strict=True)]
    pairs = list(zip(runs["table"], runs["text"], strict=True))
    passed = (
        all(_beats(one, _method("text")) for one in found["text"])
        and all(_beats(one, name) for one in found["table"] for name in (OF_TABLES, PRODUCT))
        and not any(_beats(one, _method(kind)) for kind, one in fresh.items())
        and max(spread) <= SPREAD
        and all(median(one) <= MIDDLE and max(one) <= MOST for one in gaps)
    )
    return Outcome(
        claim="Explanations of an MLP on breast cancer and of an LSTM on Chinese reviews",
        command=f"{TABLE}\n$ {TEXT}\n$ {JUDGE.replace('METHOD', OF_TEXTS)}\n$ {DRAWN}",
        measured=[percent(min(_shares(one, OF_TEXTS))) for one in found["text"]],
        asked=f"integrated gradients (of the table input x gradient, too) beat random numbers at "
        f"{SHARE:.0%} of the answers by deletion and by insertion, and part the two by "
        f"{100 * APART:g} points more; of untrained networks they do not; a Shapley value by 2,000 "
        f"subsets varies over seeds by at most {SPREAD:.0%} of the mean size; sums of integrated "
        f"gradients and of Shapley values are within {MIDDLE:.1%} (half of all) and {MOST:.0%}",
        passed=passed,
        beside=_beside(found, fresh, spread, gaps),
        cpu=[one.cpu + other.cpu for one, other in pairs],
        wall=[one.wall + other.wall for one, other in pairs],
        notes=[NOTE, AGAIN],
    )


def _method(kind: str) -> str:
    return OF_TABLES if kind == "table" else OF_TEXTS


def _judged(session: Session, run: Ran, kind: str, sources: str) -> dict[str, Any]:
    """The table of the judge."""
    command = JUDGE.replace("METHOD", _method(kind))
    return session.run(_asked(command, run, sources))[0]


def _summed(session: Session, command: str, run: Ran, sources: str) -> list[dict[str, Any]]:
    """The explanation of each answer."""
    return session.run(_asked(command, run, sources))[0]["explanations"]


def _asked(command: str, run: Ran, sources: str) -> str:
    return command.replace("RUN", str(run.folder)).replace("SOURCES", sources)


def _shares(found: dict[str, Any], method: str) -> list[float]:
    """At which share of the answers it beats random numbers, by each curve."""
    return [found["better_than_random"][method][curve] for curve in CURVES]


def _apart(found: dict[str, Any], method: str) -> float:
    """By how much insertion is above deletion, beyond random numbers."""
    own, chance = (
        found["figures"][name]["insertion"]["value"] - found["figures"][name]["deletion"]["value"]
        for name in (method, "random")
    )
    return own - chance


def _beats(found: dict[str, Any], method: str) -> bool:
    return min(_shares(found, method)) >= SHARE and _apart(found, method) >= APART


def _spread(found: list[dict[str, Any]]) -> float:
    """How far a single run's Shapley values are from another's, by their mean size."""
    return fmean(
        5**0.5 * fmean(one["standard_errors"].values())
        / fmean(map(abs, one["contributions"].values()))
        for one in found
    )  # fmt: skip


def _gaps(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[float]:
    """How far the sums are from each other, by the answer's change; of the least changes by a
    hundredth of the usual one."""
    least = median(abs(one["sum"]) for one in ours) / 100
    return [abs(one["sum"] - other["sum"]) / max(abs(one["sum"]), least)
            for one, other in zip(ours, theirs, strict=True)]  # fmt: skip


def _beside(
    found: dict[str, list[dict[str, Any]]], fresh: dict[str, dict[str, Any]],
    spread: list[float], gaps: list[list[float]],
) -> dict[str, str]:  # fmt: skip
    """What else was measured, in words."""
    told = {
        f"{kind}, {name}": _listed(_said(one, name) for one in found[kind])
        for kind in ("table", "text")
        for name in (_method(kind), PRODUCT, "edges")
    }
    told |= {f"{kind}, untrained": _said(one, _method(kind)) for kind, one in fresh.items()}
    told["spread of a Shapley value"] = _listed(f"{one:.1%}" for one in spread)
    told["sums apart: half of all; all"] = _listed(
        f"{median(one):.2%}; {max(one):.1%}" for one in gaps
    )
    for kind in ("table", "text"):
        told[f"{kind}, ranks after weights are dealt anew"] = _listed(
            f"{one['figures'][_method(kind)]['randomisation']['value']:.2f}" for one in found[kind]
        )
    return told


def _said(found: dict[str, Any], name: str) -> str:
    less, more = _shares(found, name)
    return f"{less:.0%} / {more:.0%} ({100 * _apart(found, name):.0f} points)"


def _rows(session: Session) -> str:
    """The test rows of breast-cancer in their own units, as a CSV file."""
    import cartograd as cg

    data = cg.dataset("breast-cancer")
    columns = data.signature.input.columns
    with (session.work / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in columns])
        for row in data.test.inputs.double().tolist():
            writer.writerow([x * one.std + one.mean for x, one in zip(row, columns, strict=True)])
    return "rows.csv"


def _reviews(session: Session) -> str:
    """Test reviews, a file each."""
    import cartograd as cg

    data = cg.dataset("zh-reviews:context=100")
    folder, empty = session.work / "reviews", data.signature.input.padding_id
    folder.mkdir(exist_ok=True)
    names = [f"{number:03}.txt" for number in range(REVIEWS)]
    for name, tokens in zip(names, data.test.inputs[:REVIEWS].tolist(), strict=True):
        there = [token for token in tokens if token != empty]
        (folder / name).write_text(data.tokenizer.decode(there), encoding="utf-8")
    return " ".join(f"reviews/{name}" for name in names)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
