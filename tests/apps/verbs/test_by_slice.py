"""Groups of the examples: each figure is that of the group alone, and the worse ones are named."""

import json
import re

import pytest
import torch
from PIL import Image

import cartograd as cg
from cartograd.apps.cli import main
from cartograd.core.errors import UsageError
from cartograd.practice.metrics.interval import doubted


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A table of which the rows from 'south' are answered by chance: their column tells nothing."""
    folder = tmp_path_factory.mktemp("slices")
    draw = torch.Generator().manual_seed(0)
    x, chance = torch.rand(1200, 2, generator=draw).unbind(1)
    rows = ["x,region,age,late"]
    for n, (a, b) in enumerate(zip(x.tolist(), chance.tolist(), strict=True)):
        region = ("north", "south")[n % 2]
        late = (a if region == "north" else b) > 0.5
        rows.append(f"{a:.4f},{region},{n % 97},{'yes' if late else 'no'}")
    path = folder / "t.csv"
    path.write_text("\n".join(rows) + "\n")
    data = f"csv:{path},target=late"
    told = cg.train(
        "mlp:widths=[16]", data, epochs=30, seed=0, folder=folder / "run", yardstick="none"
    )
    assert told.folder
    return folder / "run", data


def test_the_figures_are_those_of_the_group_alone(run):
    folder, data = run
    found = cg.evaluate(folder, data, metrics=("accuracy", "nll"), slices=("region", "age"))
    region = {one.group: one for one in found.slices if one.slice == "region"}
    assert {name: one.verdict for name, one in region.items()} == {
        "north": "better", "south": "worse",
    }  # fmt: skip
    there = torch.tensor([cell == "south" for cell in found.seen.examples.table.column("region")])
    south = region["south"]
    assert south.examples == int(there.sum())
    for name in ("accuracy", "nll"):
        alone = cg.build(name, kind="metric")(found.outputs[there], found.targets[there])
        assert south.metrics[name] == alone
        ends, _ = doubted(name, found.outputs[there], found.targets[there])
        assert south.intervals[name] == ends
    value, low, high = south.apart
    rest = cg.build("accuracy", kind="metric")(found.outputs[~there], found.targets[~there])
    assert value == pytest.approx(south.metrics["accuracy"] - rest)
    assert low < value < high < 0
    thirds = [one for one in found.slices if one.slice == "age"]
    words = [one.group.partition(" (")[0] for one in thirds]
    assert words == ["low", "middle", "high"]
    ends = [re.search(r"\((?:to|over) ([\d.]+)\)", one.group)[1] for one in thirds]
    assert float(ends[0]) < float(ends[1]) == float(ends[2])
    assert {one.verdict for one in thirds} == {"no surer difference"}
    assert sum(one.examples for one in thirds) == found.examples


def test_the_command_shows_them(run, capsys):
    folder, data = run
    assert main(["evaluate", str(folder), "--data", data, "--slices", "region,class"]) == 0
    shown = capsys.readouterr().out
    assert "against the rest" in shown
    assert "worse" in shown
    page = next(folder.rglob("report*.html")).read_text()
    assert "Group by group" in page
    assert main(["evaluate", str(folder), "--data", data, "--slices", "class", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["slices"]
    assert [row["group"] for row in rows] == ["no", "yes"]
    assert all(0 < row["metrics"]["accuracy"]["value"] < 1 for row in rows)


def test_what_does_not_part_the_examples_is_refused(run):
    folder, data = run
    with pytest.raises(UsageError, match="unknown slice 'reigon'; did you mean 'region'"):
        cg.evaluate(folder, data, slices=("reigon",))
    with pytest.raises(UsageError, match="does not part these examples into groups of 10"):
        cg.evaluate(folder, cg.dataset(data).test.select(range(8)), slices=("class",))


def test_pictures_by_the_size_of_their_files(tmp_path):
    draw = torch.Generator().manual_seed(1)
    for n in range(60):
        side = (16, 24, 40)[n % 3]
        pixels = torch.randint(256, (side, side), generator=draw, dtype=torch.uint8)
        folder = tmp_path / "pictures" / ("a", "b")[n // 3 % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.numpy()).save(folder / f"{n}.png")
    data = f"folder:{tmp_path / 'pictures'},size=8,channels=1"
    model = cg.train("mlp:widths=[4]", data, epochs=1, folder=tmp_path / "run", yardstick="none")
    found = cg.evaluate(model, data, part="all", slices=("image-size", "brightness"))
    sizes = [one for one in found.slices if one.slice == "image-size"]
    assert [one.examples for one in sizes] == [20, 20, 20]
    assert len(found.slices) == 6
