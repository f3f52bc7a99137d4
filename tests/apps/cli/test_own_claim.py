"""A claim of a user's own: read before it is run, registered before it is seen."""

import json

import pytest

import cartograd as cg
from cartograd.evidence.design import history_of

MINE = '''
"""Is the mean of a normal sample above zero?"""
import cartograd as cg
from sampled import sample

CLAIM = cg.Claim(
    en="The mean of a sample around {centre} is above zero",
    hypothesis="A hundred numbers.",
    rule=("mean middle > 0",),
    seeds=4,
    first={first},
)


def measure(seed, /):
    with open("seen.txt", "a") as file:
        print("seed", seed, file=file)
    return {{"middle": sample(seed, {centre}), "path": cg.Curve([0, 1], [0.0, 1.0])}}
'''
SAMPLED = """
import torch


def sample(seed, centre):
    return float(torch.randn(100).mean() + centre)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Writes the file, with another design where it is asked for."""
    monkeypatch.chdir(tmp_path)

    def write(*, centre=1.0, first=0, sampled=SAMPLED):
        (tmp_path / "sampled.py").write_text(sampled)
        (tmp_path / "mine.py").write_text(MINE.format(centre=centre, first=first))
        return tmp_path / "mine.py"

    write()
    return write


def events(tmp_path):
    found = history_of(tmp_path / "mine.journal.tsv", "mine")
    return [(one.event, one.seeds) for one in found]


@pytest.mark.chart
def test_it_is_registered_run_and_told(mine, cli_run, tmp_path):
    done = cli_run("claim", "mine.py")
    assert done.code == 0
    assert "holds" in done.out
    assert "(registered " in done.out
    assert events(tmp_path) == [("registered", "0-3"), ("run", "0-3")]
    record = json.loads((tmp_path / "claims/mine/result.json").read_text())
    assert record["verdict"] == "holds"
    assert record["design"] == history_of(tmp_path / "mine.journal.tsv", "mine")[0].design
    page = (tmp_path / "claims/mine/page.html").read_text()
    assert "Is the mean of a normal sample above zero?" in page
    assert page.count("<svg") >= 1
    again = cli_run("claim", "mine.py", "--json").json
    assert again["figures"] == record["figures"]
    assert [one for one, _ in events(tmp_path)] == ["registered", "run", "run"]


def test_a_changed_design_gets_seeds_that_nobody_saw(mine, cli_run, tmp_path):
    cli_run("claim", "mine.py")
    mine(centre=-1.0)
    done = cli_run("claim", "mine.py")
    assert done.code == 2
    assert "seeds 0, 1, 2 ... have been seen" in done.err
    assert "first=100" in done.err
    mine(centre=-1.0, first=100)
    assert cli_run("claim", "mine.py", "--json").json["verdict"] == "does not hold"
    assert events(tmp_path)[2:] == [("mended", "100-103"), ("run", "100-103")]


def test_what_it_imports_is_part_of_the_design_and_comments_are_not(mine, cli_run, tmp_path):
    cli_run("claim", "mine.py")
    mine(sampled="# a remark\n" + SAMPLED)
    assert cli_run("claim", "mine.py").code == 0
    mine(sampled=SAMPLED.replace("100", "99"))
    assert "have been seen" in cli_run("claim", "mine.py").err


def test_a_package_beside_it_is_part_of_the_design(mine, cli_run, tmp_path):
    mine(sampled=SAMPLED.replace("import torch\n", "import torch\nfrom inner.shift import BY\n"))
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "__init__.py").touch()
    for by in (0, 1):  # as it is now, not as it was imported before
        (tmp_path / "inner" / "shift.py").write_text(f"BY = {by}\n")
        done = cli_run("claim", "mine.py")
        assert done.code == 2 * by
    assert "have been seen" in done.err


def test_a_look_is_told_and_its_seed_is_spent(mine, cli_run, tmp_path):
    done = cli_run("claim", "mine.py", "--seed", "2", "--json").json
    assert done["verdict"] == "undecided"
    assert events(tmp_path) == [("look", "2")]
    assert cli_run("claim", "mine.py", "--seeds", "0").err == (
        "cartograd: seeds=0 is out of range; expected at least 1\n"
    )
    assert "seeds 2 ... have been seen" in cli_run("claim", "mine.py").err


def test_one_that_was_stopped_goes_on_and_its_seeds_were_seen(mine, cli_run, tmp_path):
    whole = cg.claim("mine.py").figures
    (tmp_path / "mine.journal.tsv").unlink()
    broken = SAMPLED.replace("    return", "    assert seed < 2 or OK\n    return")
    mine(sampled="from pathlib import Path\nOK = not Path('stop').read_text()\n" + broken)
    (tmp_path / "stop").write_text("yes")
    done = cli_run("claim", "mine.py")
    assert done.code == 2
    assert "sampled.py" in done.err or "seed 2: AssertionError" in done.err
    (tmp_path / "stop").write_text("")
    (tmp_path / "seen.txt").unlink()
    assert cli_run("claim", "mine.py", "--json").json["figures"] == whole
    assert (tmp_path / "seen.txt").read_text().split("\n")[:2] == ["seed 2", "seed 3"]
    assert not list(tmp_path.glob("claims/*.jsonl"))


def test_seeds_of_a_stopped_run_are_spent_for_another_design(mine, cli_run, tmp_path):
    mine(sampled=SAMPLED.replace("    return", "    assert seed < 2\n    return"))
    cli_run("claim", "mine.py")
    mine()
    done = cli_run("claim", "mine.py")
    assert "seeds 0, 1 ... have been seen" in done.err
    assert events(tmp_path) == [("registered", "0-3"), ("look", "0-1")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "mine.py has no claim; expected a line like CLAIM = Claim("),
        ("CLAIM = (", "mine.py line 1 is no Python"),
        ('CLAIM = Claim(en="a", hypothesis="b", rule=("mean x > 0",))', "has no experiment"),
        ('CLAIM = Claim(en="a", sedes=3)\n\ndef measure(seed): ...', "did you mean"),
        ("CLAIM = Claim(en=x)\n\ndef measure(seed): ...", "line 1: en is not a literal"),
        ('CLAIM = Claim(en="a", rule="mean x > 0")\n\ndef measure(seed): ...', "no hypothesis"),
        (
            'CLAIM = Claim(en="a", hypothesis="b", rule="x > 0")\n\ndef measure(seed): ...',
            "'x > 0' is not a check",
        ),
        (
            'from cartograd import Claim\nCLAIM = Claim(en="a", hypothesis="b", '
            'rule=("mean x > 0",))\ndef measure(seed):\n    return 1 / 0',
            "mine.py line 4, seed 0: ZeroDivisionError",
        ),
        (
            'from cartograd import Claim\nCLAIM = Claim(en="a", hypothesis="b", '
            'rule=("mean x > 0",))\ndef measure(seed):\n    return {"y": 1.0}',
            "the rule speaks of 'x', which measure does not give (it gives y)",
        ),
        (
            'from cartograd import Claim\nCLAIM = Claim(en="a", hypothesis="b", '
            'rule=("mean x > 0",))\ndef measure(seed):\n    return {"x": "much"}',
            "'x' is str; expected a number or a Curve",
        ),
        (
            'from cartograd import Claim\nCLAIM = Claim(en="a", hypothesis="b", '
            'rule=("mean x > 0",))\ndef measure(seed):\n    raise SystemExit(3)',
            "mine.py line 4, seed 0: SystemExit: 3",
        ),
        *(
            (
                f'from cartograd import Claim\nCLAIM = Claim(en="a", hypothesis="b", '
                f'rule=("mean x > 0",), {field})\ndef measure(seed):\n    return {{"x": seed}}',
                message,
            )
            for field, message in {
                'seeds="three"': "seeds='three' of the claim; expected a whole number",
                "requires=5": "requires=5 of the claim; expected texts like",
                'requires="mean x > much"': "'mean x > much' is not a check; expected e.g.",
                'axes=("a",)': "axes=('a',) of the claim; expected two texts like",
                'decide="most"': "expected one of all, majority, each",
                'scale="z"': "scale='z' of the claim; expected x, y or xy",
                'id="../x"': "id='../x' of the claim names its folder",
                'draw=("y",)': "'y' shall be drawn, which measure does not give (it gives x)",
            }.items()
        ),
    ],
)
def test_a_mistake_is_one_line(cli_run, tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(text + "\n")
    done = cli_run("claim", "mine.py")
    assert done.code == 2
    assert message in done.err.splitlines()[-1]
    assert not (tmp_path / "claims").exists()


def test_a_file_that_is_not_there(cli_run):
    done = cli_run("claim", "nowhere.py")
    assert done.code == 2
    assert "cannot read nowhere.py" in done.err


def test_a_figure_that_is_no_number_is_told(mine, cli_run, tmp_path):
    mine(
        sampled=SAMPLED.replace(
            "    return", "    if seed == 2:\n        return float('nan')\n    return"
        )
    )
    done = cli_run("claim", "mine.py")
    assert done.code == 0
    assert "undecided" in done.out
    assert "'middle' is no finite number for seed 2: a check of it stays undecided" in done.err


def test_a_file_without_its_ending_is_suggested(mine, cli_run):
    done = cli_run("claim", "mine")
    assert done.code == 2
    assert "a file of yours is named whole: cartograd claim mine.py" in done.err


def test_a_clock_that_is_set_back_changes_no_order(mine, cli_run, tmp_path, monkeypatch):
    times = iter(["2026-11-30T05:01Z", "2026-11-30T04:59Z"])
    monkeypatch.setattr("cartograd.evidence.own.now", lambda: next(times, "2026-11-30T04:58Z"))
    monkeypatch.setattr("cartograd.evidence.registering.now", lambda: next(times))
    cli_run("claim", "mine.py")
    assert events(tmp_path) == [("registered", "0-3"), ("run", "0-3")]
