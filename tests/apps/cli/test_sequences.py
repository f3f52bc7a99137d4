"""Gates and alignments are drawn from the command line."""

import pytest
import torch
from PIL import Image

from cartograd.architectures.rnn.gates import gates_of
from cartograd.core.build import build
from cartograd.core.errors import UsageError


def test_gates_of_a_picture(cli_run, tmp_path):
    run, out = tmp_path / "run", tmp_path / "gates.png"
    cli_run("train", "lstm:dim=6,depth=2", "--data", "digits", "--epochs", "1", "--folder", run)
    picture = tmp_path / "digit.png"
    Image.new("L", (8, 8), 90).save(picture)
    found = cli_run("trace", "gates", run, picture, "--out", out, "--json").json
    assert {row["layer"] for row in found["gates"]} == {"memory.0", "memory.1"}
    assert [row["gate"] for row in found["gates"]][:4] == ["input", "forget", "candidate", "output"]
    with Image.open(out) as drawn:
        assert min(drawn.size) > 200
    failed = cli_run("trace", "gates", run)
    assert (failed.code, "something to read" in failed.err) == (2, True)


def test_alignment_of_a_translation(cli_run, tmp_path):
    pairs, run, out = tmp_path / "pairs.tsv", tmp_path / "run", tmp_path / "seen.png"
    words = ["one", "two", "three", "four", "five"]
    lines = [f"{a} {b} {c}\t{c} {b} {a}" for a in words for b in words for c in words]
    pairs.write_text("\n".join(lines))
    told = cli_run(
        "train", "seq2seq:dim=8", "--data", f"pairs:{pairs}", "--epochs", "1", "--folder", run
    )
    assert told.code == 0, told.err
    found = cli_run("trace", "alignment", run, "one two", "--out", out, "--json").json
    rows = torch.tensor(found["weights"])
    torch.testing.assert_close(rows.sum(1), torch.ones(len(rows)))
    assert out.exists()
    plain = cli_run("trace", "alignment", "nowhere", "one two")
    assert plain.code == 2


def test_gates_are_those_of_the_layer():
    torch.manual_seed(0)
    model = build("tagger", vocabulary=9, padding_id=0, classes=3, dim=6).double()
    tokens = torch.tensor([[3, 5, 8, 0], [1, 2, 3, 4]])
    found = gates_of(model, tokens)
    assert list(found) == ["memory", "memory backwards"]
    states = torch.cat([one["state"] for one in found.values()], 2)
    x, lengths = model.steps(tokens)
    expected = model.memory(x, lengths)
    torch.testing.assert_close(states * (tokens != 0)[:, :, None], expected)
    assert model.training
    assert not model.memory._forward_pre_hooks


def test_no_gates_without_a_recurrent_layer():
    with pytest.raises(UsageError, match="no recurrent layer"):
        gates_of(torch.nn.Linear(2, 2), torch.zeros(1, 2))
