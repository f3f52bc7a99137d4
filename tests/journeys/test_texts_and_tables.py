"""The guide to texts and tables: its commands run as they stand there."""

import re
import shlex

import pytest

from tests.commands import command
from tools.source import ROOT

GUIDE = (ROOT / "docs/guides/texts-and-tables.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(console|python)\n(.*?)```", GUIDE, re.DOTALL)

pytestmark = pytest.mark.journey


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Small tables of the names in the guide."""
    monkeypatch.chdir(tmp_path)
    reviews, pairs, parcels = ["text,label"], ["question1,question2,label,score"], ["kg,note,back"]
    for i in range(80):
        word = ("cold", "good")[i % 2]
        reviews.append(f"the food was {word} on day {i},{('neg', 'pos')[i % 2]}")
        topic, other = ("shop", "food")[i % 2], ("food", "shop")[i // 2 % 2]
        same = topic == other
        pairs.append(f"is the {topic} open {i},are the {other} hours new,{int(same)},{1 + same}")
        parcels.append(f"{1 + i % 5},it was {('torn', 'fine')[i % 2]} on day {i},{i % 2}")
    for name, lines in (("reviews", reviews), ("pairs", pairs), ("parcels", parcels)):
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    return tmp_path


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_commands_of_the_guide_run(number, files, capsys, monkeypatch):
    language, block = BLOCKS[number]
    if language == "python":
        names: dict[str, object] = {}
        exec(block, names)
        assert len(names["answers"]) == 3
        assert names["figures"].examples < 40
        return
    run = command(capsys, monkeypatch)
    lines = block.strip().splitlines()
    assert lines
    assert all(line.startswith("$ cartograd ") for line in lines)
    for line in lines:
        done = run(*shlex.split(line.removeprefix("$ cartograd ")))
        assert done.code == 0, done.err
        assert done.out
