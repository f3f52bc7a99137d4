"""The repository keeps its own rules, and each rule finds what it is for."""

import re
from pathlib import Path

import pytest

from tools.rules import ALLOWED, RULES, broken, wording
from tools.source import ROOT, File, tracked

FILES = [File(path) for path in tracked() if path.suffix == ".py"]
CARD = 'CARD = Card(\n    name="toy",\n    entry="toy",\n)\n'
HEAD = f'"""A toy."""\n\nfrom cartograd.core.card import Card\n\n{CARD}\n'

EXAMPLES = {
    "CG001": ("x = 1\n", '"""A file."""\n'),
    "CG002": (HEAD.replace("(\n    name", "(name"), HEAD + 'PRESETS = {\n    "a": {},\n}\n'),
    "CG003": ("x = 1\n" * 301, "x = 1\n" * 300),
    "CG004": ("def f():\n" + "    x = 1\n" * 61, 'def f():\n    """D."""\n' + "    x = 1\n" * 60),
    "CG005": (
        HEAD + "def toy(*, a, b, c, d, e, f, g, h, i, j, k): ...\n",
        HEAD + "def toy(*, a, b, c, d, e, f, g, h, i, j): ...\n",
    ),
    "CG006": (
        "class A: ...\nclass B(A): ...\n",
        "class A(nn.Module): ...\nclass BError(AError): ...",
    ),
    "CG007": ("from __future__ import annotations\n", "import annotations\n"),
    "CG008": ("getattr(x, 'y', None)\nhasattr(x, 'y')\n", "getattr(x, name)\n"),
    "CG009": ("def f(x):\n    assert x > 0\n", "def f(x):\n    y = x\n    assert y\n"),
    "CG010": ("raise ValueError('no')\n", "raise UsageError('no')\n"),
    "CG011": (HEAD + "def toy(*, radius): ...\n", HEAD + "def toy(*, eps): ...\n"),
    "CG012": (HEAD + "def toy(model, *, eps): ...\n", HEAD + "def toy(model, /, *, eps): ...\n"),
    "CG013": ("from jaxtyping import jaxtyped\n", "from jaxtyping import Float\n"),
    "CG014": ("x: Float[Tensor, 'b z']\n", "x: Float[Tensor, 'b 3 *n n1 ...']\n"),
    "CG015": ("# TODO: more\n# -------\n", "# why\n"),
}


def snippet(text):
    file = File(ROOT / "src/cartograd/snippet.py")
    file.__dict__["text"] = text
    return file


def test_no_file_breaks_a_rule_and_every_exception_is_needed():
    """An exception that nothing needs any more is removed from ALLOWED."""
    found = list(broken(FILES, {}))
    exceptions = {f"{name} {rule}" for rule, name in ALLOWED}
    needed = {line: line.split(":")[0] + line.split(":")[2][:6] for line in found}
    assert not [line for line in found if needed[line] not in exceptions]
    assert exceptions == set(needed.values())
    assert not list(wording())


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_finds_what_it_is_for(rule):
    bad, good = EXAMPLES[rule]
    assert list(RULES[rule](snippet(bad)))
    assert not list(RULES[rule](snippet(good)))


def test_a_machines_folder_is_found(tmp_path, monkeypatch):
    path = ROOT / "tests/house/test_rules.py"
    monkeypatch.setattr("tools.rules.tracked", lambda: [path])
    monkeypatch.setattr(Path, "read_text", lambda *a, **k: "see /r" + "oot/notes\n")
    assert list(wording()) == ["tests/house/test_rules.py:1: CG016 names a machine or a registry"]


def test_every_rule_is_explained_once():
    pages = "\n".join(path.read_text() for path in sorted((ROOT / "docs/rules").glob("*.md")))
    explained = re.findall(r"^- \*\*(CG\d+)\*\*", pages, re.MULTILINE)
    assert sorted(explained) == [*RULES, "CG016"]
