"""No figure of speed is told without its spread, and all are told by the same two functions."""

import re

import pytest

from tools.source import ROOT

ALONE = re.compile(
    r"\b(latency|\w*_ms)(\b[^{}]*)?:[.,\d]*[efg]\}"  # a time, formatted where it stands
    r"|[efg]\} ?(times|×)(?! smaller)"  # and a ratio: a number and `times`
    r"|units\.(seconds|number)\([^()]*\blatency\)"
)
"""What `units.took` and `units.times` are for."""

BESIDE = {
    "apps/report/run.py": "the head of a report has the spread in the small print below",
    "apps/results/before_after.py": "a perplexity is so many times another one",
    "apps/replace/cost.py": "a limit on a time is told with the end of its interval",
}


def alone(text):
    return [match[0] for match in ALONE.finditer(text)]


def test_speeds_have_a_spread():
    found = {}
    for path in sorted((ROOT / "src/cartograd/apps").rglob("*.py")):
        if told := alone(path.read_text(encoding="utf-8")):
            found[path.relative_to(ROOT / "src/cartograd").as_posix()] = told
    assert found.keys() <= BESIDE.keys(), found


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('f"{1e3 * stage.latency:.3g} ms"', 1),
        ('f"torch {found.torch_ms:.3g} ms"', 1),
        ('f"{found.ratio:.2g} times that of torch"', 1),
        ('f"{first / runtime.latency:.1f}×"', 1),
        ("units.seconds(found.latency)", 1),
        ("units.took(found.latency, found.half)", 0),
        ('f"{units.times(*one.ratio)} as fast"', 0),
    ],
)
def test_one_without_is_found(text, count):
    assert len(alone(text)) == count
