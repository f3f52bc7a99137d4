"""Results as Markdown for readers and JSON for programs, whole or not at all."""

import json
from pathlib import Path
from typing import Any

from benchmarks.pairs import Ratio
from benchmarks.runner import Result
from cartograd.core.files import write_file

FORMATS = {"peak_f32": "float32", "peak_bf16": "bfloat16"}


def publish(folder: Path, file: str, intro: str, results: list[Result], facts: Any, /) -> Path:
    """Write `file`.md and `file`.json; the path of the first."""
    write_file(folder / f"{file}.json", json.dumps(_record(file, results, facts), indent=1) + "\n")
    return write_file(folder / f"{file}.md", _page(file, intro, results, facts))


def table(result: Result, /) -> str:
    """The sides of one case. A side whose answer was not equal to ours has no number."""
    lines = [
        f"| side | CPU per {result.case.unit} | wall | peak memory | its time / ours (quartiles) "
        "| asked |",
        "|---|---|---|---|---|---|",
    ]
    if result.case.flops is not None:
        lines = [f"{lines[0]} share of peak |", f"{lines[1]}---|"]
    if result.case.moved:
        lines = [f"{lines[0]} times the limit of memory |", f"{lines[1]}---|"]
    for name in result.case.sides:
        if name in result.unequal:
            lines.append(f"| {name} | not equal: differs by {result.unequal[name]:.1e} | | | | |")
        elif name in result.broken:
            lines.append(f"| {name} | failed | | | | |")
        else:
            asked = result.case.asked.get(name)
            cells = [
                name,
                duration(result.median(name, "cpu")),
                duration(result.median(name, "wall")),
                f"{result.median(name, 'rss'):.0f} MB",
                "1" if name == result.case.ours else _ratio(result.ratio(name)),
                "" if asked is None else f">= {asked:.2f}",
            ]
            share = result.share(name)
            if share is not None:
                cells.append(f"{share:.0%} of {FORMATS[result.computed_in(name)]}")
            behind = result.behind(name)
            if behind is not None:
                cells.append(f"{behind:.2f}")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def duration(seconds: float, /) -> str:
    """Seconds with a unit that suits.

    >>> duration(2.5), duration(0.0123), duration(0.000321)
    ('2.50 s', '12.3 ms', '321 us')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size or unit == "us":
            number = seconds / size
            digits = 2 if number < 10 else 1 if number < 100 else 0
            return f"{number:.{digits}f} {unit}"
    raise AssertionError


def _ratio(ratio: Ratio) -> str:
    return f"**{ratio.median:.2f}** ({ratio.low:.2f} - {ratio.high:.2f})"


def _page(file: str, intro: str, results: list[Result], facts: Any) -> str:
    title = file.replace("_", " ").capitalize()
    parts = [f"# {title}", intro.strip()]
    for result in results:
        seen = ", ".join(f"{name} {by:.0%}" for name, by in result.spread().items())
        parts += [
            f"## {result.case.name}",
            result.case.what,
            table(result),
            f"{len(result.rounds)} quiet rounds, {result.thrown} thrown away; "
            f"the probe's spread over them: {seen}. Answers equal to "
            f"{result.case.tolerance:.0e}.",
        ]
    readings = [one for result in results for one in result.readings]
    best = {name: max(one[name] for one in readings) for name in readings[0]}
    used = [f"{name} {version}" for name, version in facts["versions"].items()]
    parts += [
        "## Machine",
        f"{facts['processor']}; {', '.join(facts['flags'])}; {facts['memory_gb']} GB; "
        f"{facts['threads']} thread(s) a side. {facts['system']}, Python {facts['python']}; "
        f"{', '.join(used)}. Probe (one thread, best): {best['peak_f32']:.0f} GFLOP/s float32, "
        f"{best['peak_bf16']:.0f} bfloat16; read {best['cache']:.0f} GB/s from cache, "
        f"{best['memory']:.0f} from memory. {facts['date']}.",
        f"Made by `python -m benchmarks {file}`.",
    ]
    return "\n\n".join(parts) + "\n"


def _record(file: str, results: list[Result], facts: Any) -> dict[str, Any]:
    cases = {}
    for result in results:
        rivals = [name for name in result.sides() if name != result.case.ours]
        cases[result.case.name] = {
            "unit": result.case.unit,
            "rounds": [
                {
                    name: {key: one[name][key] for key in ("cpu", "wall", "rss")}
                    for name in result.sides()
                }
                for one in result.rounds
            ],
            "ratios": {name: vars(result.ratio(name)) for name in rivals},
            "asked": result.case.asked,
            "missed": result.missed(),
            "shares of peak": {name: result.share(name) for name in result.sides()},
            "times the limit of memory": {name: result.behind(name) for name in result.sides()},
            "thrown": result.thrown,
            "probe": result.readings,
        }
    return {"benchmark": file, "machine": facts, "cases": cases}
