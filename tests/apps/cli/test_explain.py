"""Attention on the command line: rollout beside the picture, and all heads of the first example."""

from PIL import Image


def test_attention_is_drawn(cli_run, tmp_path):
    run = tmp_path / "run"
    words = ("--data", "digits", "--epochs", "1", "--folder", run)
    cli_run("train", "vit:dim=8,heads=2,depth=2", *words)
    out = tmp_path / "seen.png"
    found = cli_run("explain", run, "--method", "attention-rollout", "--out", out, "--json").json
    total = found["explanations"][0]["sum"]
    assert 0.2 < total < 1, "all but the class token's own part"
    for name in ("heads", "picture"):
        with Image.open(found[name]) as picture:
            assert min(picture.size) > 100


def test_a_network_without_attention(cli_run, tmp_path):
    run = tmp_path / "run"
    cli_run("train", "mlp:widths=[4]", "--data", "digits", "--epochs", "1", "--folder", run)
    failed = cli_run("explain", run, "--method", "attention-rollout")
    assert failed.code == 2
    assert "has no attention to show" in failed.err
