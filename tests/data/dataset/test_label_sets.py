"""Rows with any number of labels: from tables to answers, texts and numbers alike."""

import pytest
import torch

import cartograd as cg
from cartograd.core.errors import UsageError
from tests.commands import command

TAGS = {"funny": "hilarious", "sad": "tearful", "long": "endless"}


def rows(count=200):
    """Texts, and which of their words stand for a label."""
    found = []
    for i in range(count):
        own = [tag for k, tag in enumerate(TAGS) if (i >> k) % 2]
        found.append((" ".join(["it", "was", *(TAGS[tag] for tag in own), f"n{i}"]), own))
    return found


@pytest.fixture(scope="module")
def parted(tmp_path_factory):
    path = tmp_path_factory.mktemp("tags") / "tags.csv"
    path.write_text("\n".join(["text,tags", *(f"{t},{' ; '.join(own)}" for t, own in rows())]))
    return path


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    path = tmp_path_factory.mktemp("tags") / "columns.csv"
    cells = [f"{t},{','.join(('no', 'Yes')[tag in own] for tag in TAGS)}" for t, own in rows()]
    path.write_text("\n".join([f"text,{','.join(TAGS)}", *cells]))
    return path


def by_text(data, labels):
    found = {}
    for part in (data.train, data.valid, data.test):
        order = [data.signature.output.labels.index(label) for label in labels]
        texts = part.table.column("text")
        found |= dict(zip(texts, part.targets[:, order].tolist(), strict=True))
    return found


def test_both_forms_are_the_same_labels(parted, columns):
    one = cg.dataset(parted, target="tags")
    other = cg.dataset(columns, target=tuple(TAGS))
    wanted = {text: [float(tag in own) for tag in TAGS] for text, own in rows()}
    for data in (one, other):
        assert data.signature.output.task == "multi-label"
        assert by_text(data, tuple(TAGS)) == wanted
    assert one.signature.output.labels == ("funny", "long", "sad")
    assert any("target tags: 3 labels, any of which may hold (funny 100," in x for x in one.decided)
    assert any("; 25 rows have none" in x for x in one.decided)
    assert any(
        "parted by ';'; task=classify takes each cell as one class" in x for x in one.decided
    )
    classes = cg.dataset(f"{parted},target=tags,task=classify,drop_missing=true")
    assert classes.signature.target == "class"


def test_cells_and_columns_that_are_none_are_named(columns, tmp_path):
    with pytest.raises(UsageError, match=r"columns.csv line 2: 'it was n0' in 'text' does not say"):
        cg.dataset(columns, target=("text", "sad"))
    with pytest.raises(UsageError, match="task=classify is of one column, and target names 2"):
        cg.dataset(columns, target=("funny", "sad"), task="classify")
    with pytest.raises(UsageError, match="did you mean 'funny'"):
        cg.dataset(columns, target=("fuNy", "sad"))
    prose = tmp_path / "prose.csv"
    prose.write_text("\n".join(["text,note", *(f"a b c {i},one; and {i}" for i in range(60))]))
    with pytest.raises(UsageError, match="61 different labels in 60 rows; these are no labels"):
        cg.dataset(prose, target="note", task="multi-label")


def test_a_net_learns_them_and_answers_for_each(parted, columns, tmp_path, capsys, monkeypatch):
    cli = command(capsys, monkeypatch)
    torch.manual_seed(0)
    spec, settings = f"{parted},target=tags", {"epochs": 12, "optimizer": "adamw:lr=3e-2"}
    run = cg.train("gru:dim=16", spec, folder=tmp_path / "run", **settings)
    found = cg.evaluate(run, spec)
    assert found.metrics["f1"] > 0.95
    assert "all labels right" in found.baseline
    assert [one.label for one in found.labels] == list(found.seen.model.signature.output.labels)
    assert min(one.f1 for one in found.labels) > 0.9
    assert "Label by label" in found.draw(tmp_path / "report.html").read_text("utf-8")
    done = cli("predict", run.folder, "it was endless and tearful", "--json")
    assert done.code == 0
    shares = done.json["probabilities"]
    assert set(shares) == set(TAGS)
    assert min(shares["sad"], shares["long"]) > 0.5 > shares["funny"]
    other = tmp_path / "few.csv"  # some of the labels, in columns: numbered as the model has them
    lines = columns.read_text().splitlines()
    kept = [",".join([line.split(",")[0], *line.split(",")[2:]]) for line in lines]
    chosen = [
        kept[0],
        *(line for line, own in zip(kept[1:], rows(), strict=True) if "funny" not in own[1]),
    ]
    other.write_text("\n".join(chosen))
    seen = cg.evaluate(run, cg.Spec.parse(f"csv:{other},target=['sad','long']"), part="all")
    assert seen.examples == 100
    assert seen.metrics["accuracy"] > 0.9
