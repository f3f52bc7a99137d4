"""The slim runtime answers as the whole package, in a process that never imports torch."""

import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file
from starlette.testclient import TestClient

import cartograd
from cartograd.apps.server.app import application
from cartograd.apps.server.load import load as served
from cartograd.core.language import said, speaking

pytestmark = pytest.mark.compile

ROOT = Path(__file__).parents[3]
MODELS = {"picture": "mlp:widths=[8]", "table": "mlp:widths=[8]", "text": "gru:dim=8"}

SLIM = """
import json, sys
from pathlib import Path

sys.modules["torch"] = sys.modules["tokenizers"] = None
from safetensors.numpy import load_file
from starlette.testclient import TestClient

from cartograd.apps.runtime.app import application
from cartograd.apps.runtime.model import load, predict

told = {}
for name, given in json.loads(sys.argv[1]).items():
    model = load(given["model"])
    kept = load_file(Path(given["model"]).with_suffix(".golden.safetensors"))["input0"]
    answers = predict(model, given["sources"])
    with TestClient(application(model, started=lambda: None)) as http:
        replies = [http.post("/predict", json=body).json() for body in given["bodies"]]
        routes = http.get("/").json()
    told[name] = {
        "golden": list(predict(model, kept, top=99)), "files": list(answers),
        "refused": answers.refused, "table": answers.table(), "replies": replies,
        "routes": routes, "checked": model.checked,
    }
heavy = {"torch", "scipy", "sklearn", "matplotlib", "rich", "cyclopts", "onnx"}
told["loaded"] = sorted(heavy & {one.partition(".")[0] for one, m in sys.modules.items() if m})
print(json.dumps(told))
"""


COMMAND = """
import sys
sys.modules["torch"] = sys.modules["tokenizers"] = None
from cartograd.apps.runtime.__main__ import main
sys.exit(main())
"""


def picture(folder):
    for number in range(40):
        name = ("cat", "dog")[number % 2]
        (folder / name).mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name / f"{number}.png")
    broken = folder / "broken.png"
    broken.write_bytes(b"no picture")
    files = [folder / "cat/0.png", broken, folder / "dog/1.png"]
    body = [{"base64": b64encode(file.read_bytes()).decode()} for file in files]
    return f"folder:{folder}", list(map(str, files)), [{"inputs": body}, {"inputs": [1]}, {}]


def table(folder):
    rows = [f"{i % 7},{('a', 'b', 'c')[i % 3]},{2.5 * (i % 7)}" for i in range(60)]
    file = folder / "t.csv"
    file.write_text("\n".join(["x,kind,y", *rows]))
    other = folder / "other.csv"
    other.write_text("x,kind\n1,a\nnone?,b\n3,z\n")
    body = {"inputs": [{"x": 1, "kind": "a"}, {"x": "no", "kind": "b"}, {"x": None, "kind": "q"}]}
    return f"csv:{file},target=y", [str(other)], [body, {"inputs": [{"x": 1}]}, {"input": []}]


def text(folder):
    for number in range(40):
        name = ("bad", "good")[number % 2]
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{number}.txt").write_text(f"this film is {name}, number {number}")
    said = ["a good film", "", "bad, bad, bad"]
    return f"text-folder:{folder},vocabulary=300", [said[0], said[2]], [
        {"inputs": said}, {"inputs": said[:1], "top": 1}, {"inputs": said[:1], "top": 0},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """By kind of model: its bundle, what it was asked, and what the runtime told in one process."""
    torch.manual_seed(0)
    asked, bundles = {}, {}
    for kind, make in (("picture", picture), ("table", table), ("text", text)):
        folder = tmp_path_factory.mktemp(kind)
        (folder / "data").mkdir()
        spec, sources, bodies = make(folder / "data")
        data = cartograd.dataset(spec)
        model = cartograd.build(MODELS[kind], kind="model", signature=data.signature)
        model.tokenizer = data.tokenizer
        bundle = cartograd.save(model, folder / "bundle", examples=data.train.inputs[:8])
        path = folder / "model.onnx"
        cartograd.export(bundle, path)
        bundles[kind] = bundle
        asked[kind] = {"model": str(path), "sources": sources, "bodies": bodies}
    done = subprocess.run(
        [sys.executable, "-c", SLIM, json.dumps(asked)], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(asked=asked, bundles=bundles, told=json.loads(done.stdout))


def same(one, other):
    """Equal words, and numbers up to rounding."""
    if isinstance(one, float):
        assert one == pytest.approx(other, abs=1e-5, rel=1e-5)
    elif isinstance(one, dict):
        assert set(one) == set(other)
        for key, value in one.items():
            same(value, other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            same(*pair)
    else:
        assert one == other


def test_torch_and_what_else_is_large_is_not_loaded(both):
    assert both.told["loaded"] == []


@pytest.mark.parametrize("kind", MODELS)
def test_every_golden_example_is_answered_as_by_the_whole_package(both, kind):
    kept = load_file(both.bundles[kind] / "golden.safetensors")
    assert both.told[kind]["checked"] == len(kept["output"]) == 8
    whole = cartograd.predict(both.bundles[kind], torch.from_numpy(kept["input0"]), top=99)
    for one in (found := both.told[kind]["golden"]), whole:
        for answer in one:
            answer.pop("source")  # what is no file is called by its place
    same(found, list(whole))


@pytest.mark.parametrize("kind", MODELS)
def test_files_and_texts_are_answered_and_refused_in_the_same_words(both, kind):
    sources = both.asked[kind]["sources"]
    whole = cartograd.predict(both.bundles[kind], sources, strict=False)
    same(both.told[kind]["files"], list(whole))
    same(both.told[kind]["refused"], whole.refused)
    assert [len(row) for row in both.told[kind]["table"][1]] == [len(r) for r in whole.table()[1]]
    assert bool(whole.refused) is (kind != "text")


@pytest.mark.parametrize("kind", MODELS)
def test_the_server_sends_the_same(both, kind):
    with TestClient(application(served(both.bundles[kind]))) as http:
        whole = [http.post("/predict", json=body).json() for body in both.asked[kind]["bodies"]]
        routes = http.get("/").json()
    found = both.told[kind]["replies"]
    for one in (*whole, *found):
        one.pop("model", None)
    same(found, whole)
    slim = both.told[kind]["routes"]
    assert {key: slim[key] for key in ("accepts", "inputs", "outputs", "links", "keys")} == {
        key: routes[key] for key in ("accepts", "inputs", "outputs", "links", "keys")
    }


def command(*words, **variables):
    """The runtime's command in a process that finds neither torch nor tokenizers."""
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, words)], capture_output=True, encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUTF8": "1"} | variables,
    )  # fmt: skip


def refused(*words, **variables):
    done = command(*words, **variables)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_help_and_mistakes_are_in_the_readers_language(both):
    told = command("predict", "--help", LANG="zh_CN.UTF-8", LC_ALL="").stdout
    assert "用法：" in told
    assert "列出多少个标签" in told
    assert "show" not in told
    english, chinese = (refused("check", "nowhere.onnx", "--lang", one) for one in ("en", "zh"))
    assert english == "cartograd-runtime: nowhere.onnx does not exist; expected an ONNX file"
    with speaking("zh"):
        assert chinese == f"cartograd-runtime: {said(english.partition(': ')[2])}" != english
    assert "缺少这些参数：sources" in refused("predict", "a.onnx", "--lang=zh")
    assert "unknown language 'fr'" in refused("--lang", "fr", "check", "a.onnx")


def test_a_screen_without_the_letters_of_an_answer_gets_them_by_numbers(both):
    made = both.asked["text"]["model"]
    plain = command("predict", made, "电影", PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert plain.returncode == 0, plain.stderr
    assert json.loads(plain.stdout) == json.loads(command("predict", made, "电影").stdout)


def test_the_images_question_after_health_is_answered_while_it_serves(both):
    text = (ROOT / "Dockerfile.runtime").read_text()
    asks = json.loads(re.findall(r"HEALTHCHECK[^\[]*(\[.*\])", text)[0])
    words = [sys.executable, "-c", COMMAND, "serve", both.asked["table"]["model"], "--port", "0"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env) as run:
        port = re.findall(r":(\d+)/predict", run.stdout.readline())[0]
        health = [sys.executable, *(one.replace("8000", port) for one in asks[1:])]
        assert subprocess.run(health).returncode == 0
        run.terminate()
    assert run.returncode == 0
    assert subprocess.run(health, stderr=subprocess.DEVNULL).returncode == 1


def test_a_file_with_other_answers_than_it_gave_is_refused(both, tmp_path):
    made = Path(both.asked["table"]["model"])
    copy = tmp_path / "model.onnx"
    copy.write_bytes(made.read_bytes())
    kept = load_file(made.with_suffix(".golden.safetensors"))
    save_file(kept | {"output": kept["output"] + 1}, copy.with_suffix(".golden.safetensors"))
    assert "keeps other answers than the file beside it gives" in refused("check", copy)
    copy.with_suffix(".golden.safetensors").unlink()
    assert "no answers are kept beside model" in refused("check", copy)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("predict", "nowhere.onnx", "1"), "nowhere.onnx does not exist"),
        (("predict", ROOT / "docs", "1"), "holds no model.onnx; write it by cartograd export"),
        (("check", ROOT / "pyproject.toml"), "onnxruntime cannot run"),
        (("predict",), "the following arguments are required"),
    ],
)
def test_a_mistake_is_one_line(words, told):
    assert told in refused(*words)


def test_an_export_of_another_model_takes_the_examples_away(both, tmp_path):
    path = tmp_path / "model.onnx"
    cartograd.export(both.bundles["table"], path)
    assert path.with_suffix(".golden.safetensors").is_file()
    cartograd.export(cartograd.load(both.bundles["table"]).model, path)
    assert not path.with_suffix(".golden.safetensors").exists()
