"""Attention on the command line: rollout beside the picture, and all heads of the first example."""

from pathlib import Path

import pytest
import torch
from PIL import Image

import cartograd as cg


@pytest.mark.place("attention/self", "xai/attention-map")
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
    assert "MLP has no attention to show" in failed.err


def test_several_methods_are_drawn_each_or_not_at_all(cli_run, tmp_path):
    torch.manual_seed(0)
    run, out = tmp_path / "run", tmp_path / "seen.png"
    cg.save(cg.build("mlp:widths=[4]", signature=cg.dataset("digits").signature), run)
    digit = tmp_path / "digit.png"
    Image.linear_gradient("L").resize((8, 8)).save(digit)
    words = ("explain", run, digit, "--out", out)
    two = ("--method", "saliency", "--method", "occlusion:patch_size=2")
    for wrong in ("nope", "exact-shap", "grad-cam"):
        assert cli_run(*words, *two, "--method", wrong).code == 2
        assert not list(tmp_path.glob("seen*"))
    found = cli_run(*words, *two, "--method", "saliency:target=3", "--method", "saliency", "--json")
    assert sorted(path.name for path in tmp_path.glob("seen*")) == [
        "seen-occlusion.png", "seen-saliency-2.png", "seen-saliency.png",
    ]  # fmt: skip
    titles = [one["explanations"][0]["explains"] for one in found.json["methods"]]
    assert [title.startswith("why 3? said") for title in titles] == [False, False, True]
    judged = cli_run("explain", run, digit, "--judge", *two)
    assert "nan" not in judged.out
    assert "1 answer\n" in judged.out
    for more, said in ((("--out", out), "leave --out away"),
                       (("--method", "lime:target=3"), "by the same answers")):  # fmt: skip
        refused = cli_run("explain", run, digit, "--judge", *more)
        assert (refused.code, said in refused.err) == (2, True)
    narrow = cli_run("explain", run, digit, "--method", "lime:draws=20,kernel_width=0.5", "--json")
    assert narrow.code == 0
    wrong = cli_run("explain", run, digit, "--method", "smoothgrad:form=x")
    assert "unknown form 'x'; expected one of: mean, square, variance" in wrong.err


def test_the_tokens_of_a_text_are_named(cli_run, tmp_path):
    for name, word in (("pos", "很"), ("neg", "不")):
        lines = "\n".join(f"第{i}本书{word}好" for i in range(40))
        (tmp_path / f"{name}.txt").write_text(lines, encoding="utf-8")
    run, text = tmp_path / "run", tmp_path / "one.txt"
    model = "bert:head=classify,dim=8,heads=2,depth=1"
    cli_run("train", model, "--data", f"zh-reviews:{tmp_path}", "--epochs", "1", "--folder", run)
    text.write_text("本书很好", encoding="utf-8")
    words = ("--method", "attention-rollout", "--out", tmp_path / "seen.png", "--json")
    (found,) = cli_run("explain", run, text, *words).json["explanations"]
    assert [name.split()[1] for name in found["contributions"]] == [
        "<s>", "本", "书", "很", "好", "</s>",
    ]  # fmt: skip
    kept = cli_run("explain", run, *words).json["explanations"][0]
    assert not any("pad" in name for name in kept["contributions"])


def test_integrated_gradients_of_a_text_by_token(cli_run, tmp_path):
    for name, word in (("pos", "很"), ("neg", "不")):
        lines = "\n".join(f"第{i}本书{word}好" for i in range(40))
        (tmp_path / f"{name}.txt").write_text(lines, encoding="utf-8")
    run, model = tmp_path / "run", "lstm:dim=8"
    cli_run("train", model, "--data", f"zh-reviews:{tmp_path}", "--epochs", "30", "--folder", run)
    found = cli_run("explain", run, "本书很好", "--json").json
    (one,) = found["explanations"]
    heat = {name.split()[1]: value for name, value in one["contributions"].items()}
    assert list(heat) == ["本", "书", "很", "好"]
    assert max(heat, key=lambda word: abs(heat[word])) == "很"  # what tells the classes apart
    page = (run / "explanation.html").read_text(encoding="utf-8")
    assert found["page"] == str(run / "explanation.html")
    assert page.count("<span") == 4
    assert page.count(">很</span>") == 1


def test_the_command_draws_why_a_unit_is_active(cli_run, tmp_path):
    cg.save(cg.build("lenet5", signature=cg.dataset("digits").signature), tmp_path / "b",
            examples=cg.dataset("digits").test.inputs[:2])  # fmt: skip
    done = cli_run("explain", "b", "--layer", "c1", "--method", "saliency", "--json")
    assert done.code == 0, done.err
    assert Path(done.json["picture"]).exists()
    assert "of c1? it says" in str(done.json)
    bad = cli_run("explain", "b", "--layer", "c1", "--target", "77", "--method", "saliency")
    assert bad.code == 2
    assert "unit 77 is none of layer c1; expected a number from 0 to 5" in bad.err
    bad = cli_run("explain", "b", "--layer", "c1", "--judge")
    assert bad.code == 2
    assert "leave --layer away" in bad.err


def test_errors_over_seeds_are_told_and_drawn(cli_run, tmp_path):
    torch.manual_seed(0)
    table = "a,b,y\n" + "".join(f"{i % 7},{i % 5},{'no' if i % 2 else 'yes'}\n" for i in range(60))
    (tmp_path / "t.csv").write_text(table, encoding="utf-8")
    source = f"{tmp_path / 't.csv'},target=y"
    cg.save(cg.build("mlp:widths=[4]", signature=cg.dataset(source).signature), tmp_path / "b",
            examples=cg.dataset(source).test.inputs[:2])  # fmt: skip
    words = ("explain", "b", "--method", "lime:draws=9", "--repeats", "4")
    shown = cli_run(*words)
    assert shown.code == 0, shown.err
    assert "4 seeds; means ± their standard errors" in shown.out
    one = cli_run(*words, "--json").json["explanations"][0]
    assert set(one["standard_errors"]) == set(one["contributions"]) == {"a", "b"}
    assert min(one["standard_errors"].values()) > 0
    first = cli_run(*words[:4], "--json").json["explanations"][0]
    assert "standard_errors" not in first
    digits = cg.build("mlp:widths=[4]", signature=cg.dataset("digits").signature)
    cg.save(digits, tmp_path / "c", examples=cg.dataset("digits").test.inputs[:1])
    words = ("explain", "c", "--method", "smoothgrad:draws=2", "--json")
    sizes = []
    for more in ((), ("--repeats", "2")):
        found = cli_run(*words, *more).json
        with Image.open(found["picture"]) as picture:
            sizes.append(picture.size[0])
    assert sizes[1] == pytest.approx(1.5 * sizes[0], abs=2), "a panel of errors beside the two"
    assert len(found["explanations"][0]["standard_errors"]) == 8
    for more, said in ((("--repeats", "2"), "integrated_gradients draws nothing"),
                       (("--repeats", "2", "--judge"), "leave --repeats away"),
                       (("--at", "c9"), "unknown layer 'c9'"),
                       (("--at", "c9", "--judge"), "leave --at away"),
                       (("--max-batch", "0"), "max_batch=0 is out of range"),
                       (("--method", "tcav", "--at", "c9"), "--at is for single answers"),
                       (("--method", "tcav", "--repeats", "2"), "--repeats is for")):  # fmt: skip
        refused = cli_run("explain", "c", *more)
        assert (refused.code, said in refused.err) == (2, True), refused.err


def test_the_units_of_a_layer_are_told_and_drawn(cli_run, tmp_path):
    digits = cg.dataset("digits")
    cg.save(cg.build("lenet5", signature=digits.signature), tmp_path / "b",
            examples=digits.test.inputs[:2])  # fmt: skip
    done = cli_run("explain", "b", "--at", "c1", "--json")
    assert done.code == 0, done.err
    one = done.json["explanations"][0]
    assert list(one["contributions"]) == [f"c1[{unit}]" for unit in range(6)]
    assert sum(map(sum, one["places"])) == pytest.approx(one["sum"], abs=1e-4)
    assert Path(done.json["picture"]).exists()
    flat = cli_run("explain", "b", "--at", "f6", "--method", "input-x-gradient", "--max-batch", "1")
    assert flat.code == 0, flat.err
    assert "f6[" in flat.out
