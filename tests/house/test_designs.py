"""Rules came before results: by the journal's dates, and by the order of commits."""

import subprocess
from dataclasses import replace

import pytest

from cartograd.core.errors import UsageError
from cartograd.evidence.claim import claims, find, stored
from cartograd.evidence.design import Event, digest, journal
from cartograd.evidence.verdict import judge
from tools import designs


def test_every_result_was_run_under_a_design_that_stood_before_it():
    assert list(designs.problems(journal())) == []


def test_no_result_was_committed_before_its_design():
    assert list(designs.out_of_order()) == []


@pytest.mark.parametrize("name", [name for name in claims() if stored(name)])
def test_a_kept_verdict_is_what_its_figures_say_now(name):
    claim, result = find(name), stored(name)
    assert result is not None
    how = {"decide": claim.decide, "exact": claim.exact, "requires": claim.requires}
    verdict, findings = judge(claim.rule, result["figures"], **how)
    assert verdict == result["verdict"]
    assert [one.state for one in findings] == [one["state"] for one in result["findings"]]


CLAIM = replace(find("softmax-ce-gradient"), id="toy", seeds=3, first=0)


def event(kind, digits="", date="2026-12-01T10:00Z", seeds=""):
    return Event(date, "toy", kind, digits, seeds, "")


@pytest.fixture
def toy(monkeypatch):
    """One claim, whose design is `now` and whose result is what the test says."""
    result = {"design": "now", "started": "2026-12-01T11:00Z"}
    monkeypatch.setattr(designs, "claims", lambda: {"toy": CLAIM})
    monkeypatch.setattr(designs, "digest", lambda _: "now")
    monkeypatch.setattr(designs, "stored", lambda _: result)
    return result


@pytest.mark.parametrize(
    ("events", "result", "words"),
    [
        ([event("registered", "now")], {}, None),
        ([event("registered", "old"), event("carried", "now")], {"design": "old"}, None),
        ([event("taken", "now")], {"design": "", "started": ""}, None),
        ([event("registered", "now")], {"design": "other"}, "is not in the journal"),
        ([event("registered", "now", "2026-12-01T11:01Z")], {}, "before its design was registered"),
        ([event("registered", "now")], {"started": ""}, "before its design was registered"),
        ([event("registered", "old")], {"design": "old"}, "now is not in the journal"),
        ([event("taken", "old"), event("mended", "now")], {"design": "old"}, "now is another"),
        ([event("registered", "now")], {"design": "", "started": ""}, "names no design"),
        (
            [event("run", seeds="0-4"), event("mended", "now", seeds="3-9")],
            {},
            "was given seeds that had been seen",
        ),
    ],
)
def test_what_is_out_of_order_is_told(toy, events, result, words):
    toy.update(result)
    found = list(designs.problems(tuple(events)))
    assert len(found) == (words is not None)
    assert words is None or words in found[0]


def test_a_mended_design_gets_fresh_seeds_and_a_note(monkeypatch):
    monkeypatch.setattr(designs, "digest", lambda _: "now")
    events = (event("taken", "old"), event("run", "old", seeds="0-4"))
    with pytest.raises(UsageError, match=r"seeds 0, 1, 2 \.\.\. have been seen.*first=100"):
        designs.fixed(CLAIM, "now", events, "why", carried=False)
    with pytest.raises(UsageError, match="--note"):
        designs.fixed(replace(CLAIM, first=100), "now", events, "", carried=False)


def test_a_first_design_is_registered_and_a_later_one_mended(monkeypatch):
    monkeypatch.setattr(designs, "digest", lambda _: "now")
    first = designs.fixed(CLAIM, "now", (), "", carried=False)
    assert (first.event, first.design, first.seeds) == ("registered", "now", "0-2")
    again = designs.fixed(
        replace(CLAIM, first=100),
        "now",
        (event("run", "old", seeds="0-4"),),
        "why",
        carried=False,
    )
    assert (again.event, again.seeds) == ("mended", "100-102")
    assert (
        designs.fixed(CLAIM, "now", (event("run", "old"),), "why", carried=True).event == "carried"
    )
    with pytest.raises(UsageError, match="in the journal already"):
        designs.fixed(CLAIM, "now", (event("taken", "now"),), "why", carried=False)


def test_git_tells_a_result_that_came_with_its_design(tmp_path, monkeypatch):
    """Both orders in a small repository; a history that begins later says nothing."""
    root = tmp_path / "tree"
    results, path = root / "results", root / "journal.tsv"
    results.mkdir(parents=True)
    monkeypatch.setattr(designs, "ROOT", root)
    monkeypatch.setattr(designs, "RESULTS", results)
    monkeypatch.setattr(designs, "JOURNAL", path)
    design = event("registered", "aa")
    monkeypatch.setattr(designs, "journal", lambda: (design,))
    monkeypatch.setattr(designs, "stored", lambda _: {"design": "aa"})

    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)

    def commit(*files):
        for file in files:
            text = "toy\tregistered\taa\n" if file == path else '{"design": "aa"}\n'
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", "x")

    git("init", "-q")
    commit()
    commit(path)
    commit(results / "toy.json")
    assert list(designs.out_of_order(root)) == []
    git("reset", "-q", "--hard", "HEAD~2")
    commit(path, results / "toy.json")
    assert "is no later than design" in next(iter(designs.out_of_order(root)))
    git("checkout", "-q", "--orphan", "other")
    commit()
    assert list(designs.out_of_order(root)) == []


def test_digests_differ_between_claims():
    assert len({digest(claim) for claim in claims().values()}) == len(claims())
