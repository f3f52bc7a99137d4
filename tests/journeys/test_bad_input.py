"""Whatever users get wrong is met by one clear line, exit code 2, and nothing written."""

import errno
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.journeys.conftest import JOURNEYS

pytestmark = pytest.mark.journey

TRAIN = ("train", "mlp", "--data", "moons")

WRONG_WORDS = [
    # unknown names: the nearest is shown
    (("train", "lenet6", "--data", "digits"), "unknown model 'lenet6'; did you mean 'lenet5'?"),
    (("train", "mlp", "--data", "digitz"), "unknown data 'digitz'; did you mean 'digits'?"),
    ((*TRAIN, "--optimizer", "adamww"), "unknown optimizer 'adamww'; did you mean 'adamw'?"),
    ((*TRAIN, "--optimizer", "adamw:lrr=1"), "argument of adamw 'lrr'; did you mean 'lr'?"),
    ((*TRAIN, "--set", "schedule=cosin"), "unknown schedule 'cosin'; did you mean 'cosine'?"),
    ((*TRAIN, "--set", "schedule=cosine:warmup=9999"), "takes 9999 steps and the run has only"),
    ((*TRAIN, "--set", "schedule=plateau:metric=f1"), "'f1' is not a number of the history"),
    ((*TRAIN, "--set", "objective=classify:mix=mixu"), "unknown mix 'mixu'; did you mean 'mixup'?"),
    ((*TRAIN, "--set", "batchsize=3"), "unknown setting 'batchsize'; did you mean 'batch_size'?"),
    ((*TRAIN, "--set", "objective=classifyy"), "did you mean 'classify'?"),
    (("train", "mlp:widhts=[8]", "--data", "moons"), "'widhts'; did you mean 'widths'?"),
    (("train", "mlp", "--data", "moons:nois=1"), "argument of moons 'nois'; did you mean 'noise'?"),
    ((*TRAIN, "--set", "device=gpu"), "unknown device 'gpu'"),
    ((*TRAIN, "--set", "precision=bf17"), "unknown precision 'bf17'; did you mean 'bf16'?"),
    ((*TRAIN, "--epoch", "3"), "Unknown option: --epoch. Did you mean --epochs?"),
    (("trainn", "mlp"), "Unknown command"),
    # a known name of another kind
    (("train", "digits", "--data", "digits"), "'digits' is of kind 'data', expected 'model'"),
    (("train", "mlp", "--data", "mlp"), "'mlp' is of kind 'model', expected 'data'"),
    # wrong type or range
    (("train", "mlp:dropout=2", "--data", "moons"), "out of range; expected below 1.0"),
    (("train", "mlp:dropout=lots", "--data", "moons"), "of the wrong type; expected float"),
    (("train", "mlp:widths=[0]", "--data", "moons"), "out of range; expected at least 1"),
    ((*TRAIN, "--epochs", "0"), "epochs=0 is out of range; expected at least 1"),
    ((*TRAIN, "--epochs", "ten"), 'unable to convert "ten" into int'),
    ((*TRAIN, "--set", "seed=-1"), "seed=-1 is out of range; expected at least 0"),
    ((*TRAIN, "--set", "batch_size=many"), "of the wrong type; expected a whole number"),
    ((*TRAIN, "--set", "compile=maybe"), "of the wrong type; expected true or false"),
    ((*TRAIN, "--set", "clip=0"), "clip=0 is out of range; expected above 0"),
    ((*TRAIN, "--set", "clip=-1"), "clip=-1 is out of range; expected above 0"),
    ((*TRAIN, "--set", "clip=nrm:max=1"), "unknown way to clip 'nrm'; did you mean 'norm'?"),
    ((*TRAIN, "--set", "average=emaa"), "unknown average 'emaa'; did you mean 'ema'?"),
    ((*TRAIN, "--set", "nonfinite=skipp"), "not finite 'skipp'; did you mean 'skip'?"),
    ((*TRAIN, "--set", "recompute=layers.0"), "unknown block to recompute 'layers.0'"),
    ((*TRAIN, "--set", "patience"), "'patience' is not a setting; expected key=value"),
    ((*TRAIN, "--epochs", "2", "--set", "epochs=3"), "epochs is given twice"),
    ((*TRAIN, "--optimizer", "sgd:lr=-1"), "out of range; expected at least 0"),
    ((*TRAIN, "--set", "keep=last=0"), "last=0; expected a whole number of at least 1"),
    ((*TRAIN, "--set", "keep=lasst=1"), "unknown word in keep 'lasst'; did you mean 'last'?"),
    (("train", "mlp:64", "--data", "moons"), "mlp takes key=value arguments only, not '64'"),
    (("train", "mlp:widths=[8", "--data", "moons"), "unbalanced brackets"),
    ((*TRAIN, "--set", "monitor=valid/accuracyy"), "did you mean 'valid/accuracy'?"),
    # what does not go together
    (("train", "perceptron", "--data", "digits"), "a step says yes or no"),
    (("train", "--data", "copying"), "no model was given, and none is known by itself"),
    (("train", "mlp"), "no data was given"),
    (("train", "mlp", "--data", ""), "the word after 'mlp --data' is empty; is a variable"),
    (("train", "mlp", "--data", "digits:here"), "takes key=value arguments only, not 'here'"),
    (("train", "mlp", "--data", "folder"), "folder needs a path: folder:PATH"),
    ((*TRAIN, "--set", "objective=regress"), "objective=regress learns the task 'regress' and"),
    (
        (*TRAIN, "--set", "objective=classify:loss=triplet"),
        "Classify: TypeError: ",
    ),
    ((*TRAIN, "--set", "batch_size=9999"), "batch_size=9999 is more than the"),
    ((*TRAIN, "--set", "monitor=max:valid/f2"), "unknown number to monitor 'valid/f2'"),
    ((*TRAIN, "--set", "schedule=plateau:metric=valid/f1"), "unknown number to follow 'valid/f1'"),
    (("train", "mlp", "--data", "digits:valid=0"), "has no validation examples"),
    (
        ("train", "lenet5", "--data", "moons"),
        "lenet5 takes pictures, and moons gives rows of numbers (2)",
    ),
    (
        ("train", "bert-tiny", "--data", "moons"),
        "bert takes texts, and moons gives rows of numbers (2)",
    ),
    (("train", "transformer", "--data", "digits"), "transformer takes texts and texts, and digits"),
    # what cannot be written, before any work
    (("explain", "nowhere", "--out", "."), "for --out. . is a folder; expected a file to write"),
    (("explain", "minilm", "--out", "x.html"), "x.html is a picture; expected a name that ends"),
    (("leak", "minilm", "--out", "x.jpg"), "x.jpg is a picture; expected a name that ends"),
    (
        ("runs", "compare", "a*", "b*", "--out", "x.txt"),
        "x.txt is a page; expected a name that ends",
    ),
    (("replace", "minilm", "hf", "--out", "x.png"), "x.png is a page; expected a name that ends"),
    (
        ("diagnose", "mlp", "--data", "moons", "--out", "x.png"),
        "x.png is a page; expected a name that ends",
    ),
    (("attack", "nowhere", "--out", "/dev/null/a.png"), "/dev/null is no folder"),
    (("export", "nowhere", "--out", "/dev/null/a.onnx"), "/dev/null is no folder"),
    (("diagnose", "mlp", "--data", "moons", "--out", "."), ". is a folder"),
    (("claim", "gelu-approx", "--folder", "/dev/null/claim"), "/dev/null is no folder"),
    (("compress", "nowhere", "--out", "/dev/null/small"), "/dev/null is no folder"),
    ((*TRAIN, "--folder", "/dev/null/run"), "cannot make /dev/null/run: Not a directory"),
    # what is not there
    (("train", "mlp", "--data", "folder:nowhere"), "there is no file or folder nowhere"),
    (("train", "mlp", "--data", "csv:nowhere.csv,target=x"), "no file or folder nowhere.csv"),
    ((*TRAIN, "--config", "nowhere.toml"), "cannot read nowhere.toml"),
    (("evaluate", "nowhere"), "nowhere does not exist; expected a bundle or a run folder"),
    (("generate", "smolm2", "hi"), "published weights; did you mean 'smollm2'?"),
    (("predict", "nowhere", "x.png"), "nowhere does not exist"),
    (("explain", "nowhere"), "nowhere does not exist"),
    (("attack", "nowhere"), "nowhere does not exist"),
    (("verify", "nowhere"), "nowhere does not exist"),
    (("verify", "nowhere", "--out", "."), ". is a folder"),
    (("export", "nowhere"), "nowhere does not exist"),
    (("serve", "nowhere", "--port", "0"), "nowhere does not exist"),
    (("show", "lenet6"), "unknown method 'lenet6'; did you mean 'lenet5'?"),
    (("list", "models"), "unknown kind 'models'; did you mean 'model'?"),
    (("data", "get", "fashion"), "unknown data set 'fashion'; did you mean 'fashion-mnist'?"),
]


def refused(done, part, folder):
    """Exit code 2, one line that says it, and a folder as empty as before."""
    assert done.code == 2, done
    assert part in done.err
    assert done.err.startswith("cartograd: ")
    assert done.err.count("\n") == 1
    assert done.out == ""
    assert [path.name for path in folder.iterdir()] == []


@pytest.mark.parametrize(("words", "part"), WRONG_WORDS, ids=[" ".join(w) for w, _ in WRONG_WORDS])
def test_wrong_words(cli_run, tmp_path, words, part):
    refused(cli_run(*words), part, tmp_path)


def test_with_json_the_error_is_an_object_too(cli_run):
    done = cli_run("train", "lenet6", "--data", "digits", "--json")
    assert done.json["error"]["kind"] == "usage"
    assert done.json["error"]["message"] in done.err


def test_as_a_program(tmp_path):
    command = [sys.executable, "-m", "cartograd", "train", "lenet6", "--data", "digits"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("cartograd: unknown model 'lenet6'; did you mean 'lenet5'?")
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert not any(tmp_path.iterdir())


@pytest.fixture
def bring(tmp_path_factory):
    """Writes a user's file outside of the folder that has to stay empty."""
    folder = tmp_path_factory.mktemp("brought")

    def write(name: str, content: str | bytes) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


TABLE = "age,town,income\n" + "\n".join(f"{i},{'AB'[i % 2]},{i % 3}" for i in range(60))


@pytest.mark.parametrize(
    ("text", "target", "part"),
    [
        (TABLE, "incom", "unknown column of"),
        (TABLE.replace("7,B,1", "7,B,"), "income", "line 9: the target 'income' is missing"),
        (TABLE.replace("7,B,1", "seven,B,1"), "income", "line 9: 'seven' in the numeric column"),
        (TABLE.replace("7,B,1", "7,B"), "income", "line 9 has 2 cells; expected 3"),
        ("age,income\n1,2\n3,4", "income", "too few rows"),
        ("", "income", "is empty"),
        (TABLE.replace(",1", ",0").replace(",2", ",0"), "income", "expected at least two classes"),
    ],
)
def test_tables(cli_run, tmp_path, bring, text, target, part):
    path = bring("people.csv", text)
    refused(cli_run("train", "mlp", "--data", f"csv:{path},target={target}"), part, tmp_path)


def test_a_table_without_a_target(cli_run, tmp_path, bring):
    path = bring("people.csv", TABLE)
    refused(cli_run("train", "mlp", "--data", f"csv:{path}"), "csv needs target", tmp_path)


def picture(size=(8, 8)):
    import io

    buffer = io.BytesIO()
    Image.new("L", size, 128).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_folder_with_one_class(cli_run, tmp_path, bring):
    folder = bring("pictures/cat/1.png", picture()).parents[1]
    refused(cli_run("train", "mlp", "--data", f"folder:{folder}"), "only 'cat'", tmp_path)


def test_a_class_without_pictures(cli_run, tmp_path, bring):
    folder = bring("pictures/cat/1.png", picture()).parents[1]
    (folder / "dog").mkdir()
    refused(cli_run("train", "mlp", "--data", f"folder:{folder}"), "dog has no files", tmp_path)


def test_a_picture_that_is_none(cli_run, tmp_path, bring):
    for animal in ("cat", "dog"):
        for number in range(10):
            folder = bring(f"pictures/{animal}/{number}.png", picture()).parents[1]
    bring("pictures/dog/4.png", b"no picture")
    done = cli_run("train", "mlp", "--data", f"folder:{folder}")
    refused(done, "dog/4.png is not a readable picture", tmp_path)


def test_settings_in_a_file(cli_run, tmp_path, bring):
    for text, part in (
        ("model = 'mlp'\nepoch = 3", "unknown setting 'epoch'; did you mean 'epochs'?"),
        ("epochs = '3'", "epochs='3' is of the wrong type; expected a whole number"),
        ("epochs = ", "cannot read"),
    ):
        path = bring("run.toml", text)
        done = cli_run(*TRAIN, "--config", path)
        refused(done, part, tmp_path)
        assert str(path) in done.err


@pytest.fixture
def digits(runs) -> Path:
    return runs(JOURNEYS[0])


def test_what_is_not_seen_of_a_picture_is_told(cli_run, bring, digits):
    done = cli_run("predict", digits, bring("odd.png", picture((64, 8))), "--json")
    assert done.code == 0
    assert "odd.png is 64 x 8 pixels: only the middle, 12%, is looked at (fit=crop)" in done.err
    assert json.loads(done.out)["label"] in "0123456789"


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (32, 32), (300, 200)])
def test_a_picture_of_another_size_is_brought_to_it(cli_run, bring, digits, size):
    done = cli_run("predict", digits, bring("fine.png", picture(size)), "--json")
    assert done.code == 0
    assert json.loads(done.out)["label"] in "0123456789"


def test_what_is_asked_of_a_model(cli_run, tmp_path, digits, bring):
    file = bring("text.png", "text")
    for words, part in (
        (("predict", digits), "nothing was given"),
        (("predict", digits, "nowhere.png"), "there is no file or folder nowhere.png"),
        (("predict", digits, file), "is not a readable picture"),
        (("predict", digits, "x.png", "--tpo", "2"), "unknown option '--tpo'; did you mean"),
        (("predict", digits, file, "--csv", "--json"), "exclude each other"),
        (("predict", digits, "x.png", "-"), "stands alone"),
        (("predict", digits, file, "--top", "0"), "top=0 is out of range"),
        (("evaluate", digits, "--metrics", "accuracyy"), "did you mean 'accuracy'?"),
        (("evaluate", digits, "--metrics", "rmse"), "do not belong together"),
        (("evaluate", digits, "--min", "accuracy"), "is no limit; expected METRIC=NUMBER"),
        (("evaluate", digits, "--min", "accuracyy=0.9"), "did you mean 'accuracy'?"),
        (("evaluate", digits, "--part", "tset"), "did you mean 'test'?"),
        (("evaluate", digits, "--data", "moons"), "the model knows an input of kind image"),
        (("evaluate", digits, "--data", "breast-cancer"), "this data does not fit the model"),
        (("explain", digits, "--method", "shap"), "unknown explainer 'shap'"),
        (("explain", digits, "--target", "ten"), "unknown class 'ten'"),
        (("explain", digits, "--target", "10"), "class 10 is out of range; expected 0 to 9"),
        (("attack", digits, "--method", "pgdd"), "unknown attack 'pgdd'; did you mean 'pgd'?"),
        (("attack", digits, "--method", "pgd:0.1"), "takes key=value arguments only, not '0.1'"),
        (("attack", digits, "--method", "pgd:eps=-1"), "out of range; expected at least 0"),
        (("attack", digits, "--examples", "0"), "examples=0 is out of range"),
        (("export", digits, "--to", "onx"), "unknown exporter 'onx'; did you mean 'onnx'?"),
        (("export", digits, "--to", "tensorrt"), "not written here. TensorRT builds its engines"),
        (("export", digits, "--to", "core-ml"), "not installed: pip install coremltools; or"),
        (("export", digits, "--to", "executorch"), "not installed: pip install executorch; or exp"),
        (("serve", digits, "--port", "99999"), "port 99999 is out of range"),
    ):
        done = cli_run(*words)
        if "--json" in words:
            done = type(done)(done.code, "", done.err)
        refused(done, part, tmp_path)


def test_numbers_that_do_not_fit(cli_run, tmp_path, runs):
    moons = runs(JOURNEYS[-1])
    refused(cli_run("predict", moons, "1,2,3"), "shape (3,); expected (2)", tmp_path)
    refused(cli_run("predict", moons, "one,two"), "is not a list of numbers", tmp_path)
    for body, part in (
        ("{", "not JSON"),
        ('{"input": []}', "inputs"),
        ("[]", "no examples"),
        ("[[1]]", "expected"),
        ("[[1, NaN]]", "JSON"),
    ):
        refused(cli_run("predict", moons, "-", stdin=body), part, tmp_path)


def test_a_table_without_a_column_that_the_model_takes(cli_run, tmp_path, bring, runs):
    path = bring("new.csv", "sizee,town\n30,Bonn")
    refused(cli_run("predict", runs(JOURNEYS[2]), path), "lacks 1 of the 2 columns", tmp_path)


@pytest.mark.parametrize("name", ["weights.safetensors", "signature.json", "spec.json"])
def test_a_bundle_with_one_changed_byte(cli_run, tmp_path, digits, bring, name):
    copy = bring("copy/note", "").parent / "run"
    shutil.copytree(digits / "bundle", copy)
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(bytes(content))
    part, file = f"'{name}' was changed or damaged", bring("x.png", "x")
    for words in (("evaluate", copy), ("predict", copy, file), ("serve", copy, "--port", "0")):
        refused(cli_run(*words), part, tmp_path)


def test_a_run_folder_that_exists(cli_run, tmp_path, digits, bring):
    before = sorted(digits.rglob("*"))
    refused(cli_run(*TRAIN, "--folder", digits), "exists already", tmp_path)
    assert sorted(digits.rglob("*")) == before
    refused(cli_run(*TRAIN, "--folder", bring("a.txt", "x")), "exists already", tmp_path)


def test_a_full_disk(cli_run, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    refused(cli_run(*TRAIN, "--epochs", "1"), "No space left on device", tmp_path)
    refused(cli_run(*TRAIN, "--folder", "deep/run"), "No space left on device", tmp_path)


def test_a_disk_without_room_for_the_checkpoints(cli_run, tmp_path, monkeypatch):
    free = shutil.disk_usage(tmp_path)._replace(free=100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    done = cli_run(*TRAIN, "--epochs", "1")
    refused(done, "3 checkpoints of", tmp_path)
    assert "and the disk has 100 kB left" in done.err
    assert cli_run(*TRAIN, "--epochs", "1", "--optimizer", "sgd").code == 2


def test_a_run_that_diverged_stays_for_its_diagnosis(cli_run, tmp_path):
    done = cli_run(*TRAIN, "--optimizer", "sgd:lr=1e12", "--folder", "run")
    assert done.code == 2
    told = done.err.splitlines()[-1]
    assert re.search(r"became (nan|inf) at step \d+ \(epoch 1, batch \d+; .*\) at lr \d", told)
    assert told.endswith("`cartograd diagnose run` says more")
    found = cli_run("diagnose", "run", "--json").json
    assert (found["state"], found["findings"][0]["name"]) == ("failed", "diverged")
    assert "at lr" in found["findings"][0]["evidence"]
    assert (tmp_path / "run" / "diagnosis.html").exists()
    [listed] = cli_run("runs", "list", ".", "--json").json["runs"]
    assert (listed["state"], listed["epochs"]) == ("failed", 0)
    assert "failed: the loss" in cli_run("runs", "show", "run").out
    assert cli_run(*TRAIN, "--epochs", "1", "--folder", "good").code == 0
    compared = cli_run("runs", "compare", "good", "run")
    assert (compared.code, "run has no bundle (failed)" in compared.out) == (0, True)
    refused = cli_run("evaluate", "run")
    assert (refused.code, "`cartograd runs show run` says how" in refused.err) == (2, True)


def test_a_run_that_has_ended_says_how_it_goes_on(cli_run, tmp_path):
    assert cli_run(*TRAIN, "--epochs", "1", "--folder", "run").code == 0
    done = cli_run("train", "run", "--resume")
    assert done.code == 0
    assert "run had ended already, after 1 epochs; --resume --epochs N" in done.err
    done = cli_run("train", "run", "--resume", "--epochs", "3")
    assert done.code == 2
    assert done.err.strip().endswith("cartograd train run --data moons --epochs 2")


def test_a_disk_that_fills_up_in_training(cli_run, tmp_path, monkeypatch):
    """The checkpoint cannot be written: what was there is whole, or nothing is there."""
    from cartograd.engine.checkpoint import storage

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage, "write_tensors", full)
    done = cli_run(*TRAIN, "--epochs", "1")
    assert (done.code, list(tmp_path.iterdir())) == (2, [])
    assert "No space left on device" in done.err.splitlines()[-1]


def test_a_port_in_use(cli_run, tmp_path, digits):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(
            cli_run("serve", digits, "--port", port),
            f"port {port} of 127.0.0.1 is in use",
            tmp_path,
        )


@pytest.mark.filterwarnings("default:training goes on")
def test_no_compiler(cli_run, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    told = "goes on without compiling: .* C.. compiler and 'no-such-compiler' is not on the path"
    done = cli_run(*TRAIN, "--set", "compile=true")
    assert done.code == 0
    assert re.search(told, done.err)


def test_a_loss_that_is_not_a_number(cli_run, tmp_path):
    done = cli_run(*TRAIN, "--optimizer", "sgd:lr=1e30", "--epochs", "2")
    assert done.code == 2
    assert "the loss 'loss' became" in done.err
    (run,) = (tmp_path / "runs").iterdir()
    assert not (run / "bundle").exists()
    assert cli_run("diagnose", run).code == 0
