"""The command line as a whole: what it starts with, its flags, its exit codes, its help."""

import ast
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cartograd.apps import cli
from cartograd.apps.cli import application, main
from cartograd.apps.cli.words import split
from cartograd.core import concepts, registry
from cartograd.core.card import KINDS
from cartograd.core.language import chinese, speaking

COMMANDS = [name for names in cli.COMMANDS.values() for name in names]
HEAVY = ("torch", "numpy", "scipy", "sklearn", "matplotlib", "PIL", "onnx")
SMALL = {
    "attr", "attrs", "blake3", "cartograd", "cyclopts", "docstring_parser", "markdown_it", "mdurl",
    "pygments", "rich", "typing_extensions", "anyio", "yaml",
}  # fmt: skip
"""Packages that the command line itself may import."""
LIGHT = [["--help"], ["list"], ["list", "--json"], ["show", "lenet5"], ["coverage"], ["version"]]
LIGHT += [["claim"], ["claim", "--json"], ["show", "settings"], ["learn"], ["show", "ddpm"]]
LIGHT += [["learn", "1.2"], ["coverage", "ReLU"], ["list", "2.2"], ["show", "反向传播"]]
LIGHT += [[name, "--help"] for name in COMMANDS] + [["nonsense"], ["data", "list"]]
GROUPS = ("data", "runs")


def python(*words, **options):
    command = [sys.executable, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_what_only_reads_cards_imports_nothing_heavy():
    """Nor any other package than those of the command line, and of our own rooms only what reads.

    How long that takes is measured by `python -m benchmarks startup`.
    """
    program = """
import contextlib, io, sys
import cartograd
from cartograd.apps.cli import main
for words in {lines}:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert main(words) == (2 if words == ["nonsense"] else 0), words
    roots = {{name.partition(".")[0] for name in sys.modules}}
    others = {{name for name in roots - sys.stdlib_module_names if not name.startswith("_")}}
    assert others <= {light}, (words, others - {light})
    ours = [name.split(".") for name in sys.modules if name.startswith("cartograd.")]
    rooms = {{name[1] for name in ours}}
    assert rooms <= {{"core", "apps", "data", "evidence", "engine"}}, (words, rooms)
    engine = {{name[-1] for name in ours if name[1] == "engine"}}
    assert engine <= {{"engine", "loop", "options", "option_fields"}}, (words, engine)
"""
    done = python("-c", program.format(lines=LIGHT, light=SMALL))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [["--help"], ["list"], ["show", "mlp"]])
def test_help_and_lists_read_few_files(words):
    program = """
import contextlib, io, sys
from cartograd.apps.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    assert main({words}) == 0
print(*(name for name in sys.modules if name.startswith("cartograd.")))
"""
    loaded = python("-c", program.format(words=words)).stdout.split()
    assert "cartograd.apps.cli" in loaded
    assert {name.split(".")[1] for name in loaded} == {"core", "apps"}
    assert not [name for name in loaded if name.startswith("cartograd.apps.verbs")]


def test_the_package_alone_imports_nothing_heavy():
    done = python("-c", "import cartograd, sys; print(sorted(sys.modules))")
    assert not set(HEAVY) & set(ast.literal_eval(done.stdout))


def parameters(name):
    """The command's own, by what a user types."""
    function = application()[name].default_command
    return {
        key: item
        for key, item in inspect.signature(function).parameters.items()
        if item.kind is inspect.Parameter.KEYWORD_ONLY
    }


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in GROUPS])
def test_a_command_has_at_most_a_dozen_flags_and_json_among_them(name):
    flags = set(parameters(name))
    # What is data may say its column apart: `--data churn.csv --target churn`; a training and its
    # repetitions are one command, and so are a training and its gate. What `--sampler` says has
    # short forms, truncation is the temperature of generators with styles, and a picture
    # to complete comes with its mask, and a style with its content and its weight. A precision is
    # of weights and of the cache; the form of a text is said in one of three languages, and a
    # reward judges which of several is the best. Language models sit exams by the command that
    # measures the others, and are looked at over the length of a text by the one that looks at the
    # others.
    more = {
        "train": {"target", "seeds", "beat_baseline", "minutes"},
        "generate": {
            "temperature",
            "top_k",
            "top_p",
            "repetition_penalty",
            "truncation",
            "inpaint",
            "mask",
            "content",
            "style",
            "style_weight",
            "cache",
            "schema",
            "grammar",
            "pattern",
            "window",
            "sinks",
            "prefill_chunk",
            "best_of",
            "reward",
            "gate",
            "gate_report",
        },
        "diagnose": {"lengths", "depths", "trials", "window", "sinks", "precision"},
        "evaluate": {"tasks", "shots", "limit", "chat", "against", "seed", "gate", "plain"},
    }
    assert len(flags - more.get(name, set())) <= 12
    assert "json" in flags


@pytest.mark.parametrize(
    ("group", "name"),
    [
        *(("data", name) for name in ("list", "get", "show")),
        *(("runs", name) for name in ("list", "show", "tag", "compare")),
    ],
)
def test_the_commands_of_groups_have_json(group, name):
    assert "json" in inspect.signature(application()[group][name].default_command).parameters


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_argument(cli_run, name):
    done = cli_run(name, "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: cartograd {name}")
    if name not in GROUPS:
        text = application()[name].default_command.__doc__
        for key in parameters(name):
            assert f"{key}:" in text


def test_json_of_list_is_one_array_of_all_cards(cli_run):
    cards = cli_run("list", "--json").json
    assert [card["name"] for card in cards] == [name for _, name in registry.cards()]
    fields = {"name", "kind", "nodes", "title", "zh", "paper", "year", "url", "proofs", "package"}
    assert all(set(card) == fields for card in cards)
    assert {card["package"] for card in cards} == {"cartograd"}


def test_list_of_one_kind_and_in_chinese(cli_run):
    assert "LeNet-5" not in cli_run("list", "data").out
    table = cli_run("list", "model", "--lang", "zh").out
    assert "多层感知机" in table
    assert "Multilayer perceptron" not in table


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "en_GB.UTF-8"}, False),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, False),
        ({}, False),
    ],
)
def test_the_language_follows_the_locale(monkeypatch, values, expected):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with speaking("auto"):
        assert chinese() is expected
    with speaking("zh"):
        assert chinese()
    assert not chinese()  # Python hears English until it asks for another


def test_coverage_counts_every_place_once(cli_run):
    found = cli_run("coverage", "--json").json
    places = found["places"]
    assert len(places) == len(concepts.places()) == found["total"]["places"]
    assert len({place["id"] for place in places}) == len(places)
    assert found["total"]["holds"] == sum(place["state"] == "holds" for place in places)
    assert sum(section["places"] for section in found["sections"]) == len(places)
    by_id = {place["id"]: place for place in places}
    assert by_id["arch/lenet5"]["methods"] == ["lenet5"]
    assert all((place["state"] == "not yet") == (not place["methods"]) for place in places)


def test_coverage_is_a_table_with_totals(cli_run):
    table = cli_run("coverage", "--lang", "en").out
    assert "arch/mlp" in table
    assert "Convolutional networks" in table
    assert "deploy/export" in table.split("in part")[-2]
    assert "卷积神经网络" in cli_run("coverage", "--lang", "zh").out


def test_show_tells_arguments_presets_and_source(cli_run):
    text = cli_run("show", "mlp", "--lang", "en").out
    for part in ("Multilayer perceptron", "widths", "units of each hidden layer", "(128, 64)"):
        assert part in text
    assert "softmax-regression" in text
    found = cli_run("show", "softmax-regression", "--json").json
    assert found["preset"] == {"widths": []}
    defaults = {item["name"]: item["default"] for item in found["arguments"]}
    assert defaults == {
        "features": "(required)",
        "classes": "(required)",
        "widths": "()",
        "activation": "'relu'",
        "norm": "None",
        "dropout": "0.0",
    }
    assert Path(found["source"]).is_file()


@pytest.mark.parametrize("name", [f"{kind} {name}" for kind, name in registry.cards()])
def test_show_works_for_every_card(cli_run, name):
    kind, name = name.split()
    done = cli_run("show", kind, name)
    assert done.code == 0
    assert name in done.out


def test_show_tells_what_a_generative_model_can_and_cannot(cli_run):
    text = cli_run("show", "gan", "--lang", "en").out
    assert "projection" in text
    assert "no: it makes examples of noise and has no density" in text
    found = cli_run("show", "real-nvp", "--json").json
    assert found["can"]["log_prob"] == "exact"
    assert found["cannot"]["inpaint"] == "it makes whole examples only"
    assert "can" not in cli_run("show", "mlp", "--json").json


def test_show_settings_lists_what_a_file_of_settings_takes(cli_run):
    schema = cli_run("show", "settings", "--json").json
    table = cli_run("show", "settings").out
    assert {"model", "data", "optimizer", "epochs", "clip"} < set(schema["properties"])
    assert schema["properties"]["epochs"]["type"] == "integer"
    assert schema["additionalProperties"] is False
    for name, item in schema["properties"].items():
        assert name in ("origin", "chosen") or f" {name} " in table
        assert name in ("origin", "chosen") or item["description"]
    config = cli_run("train", "mlp", "--data", "moons", "--print-config", "--json").json
    assert {key for key in config if "." not in key} <= set(schema["properties"])


def test_version_and_python_dash_m(cli_run):
    version = cli_run("version").out.strip()
    assert cli_run("--version").out.strip() == version
    assert cli_run("version", "--json").json == {"cartograd": version}
    assert python("-m", "cartograd", "version").stdout.strip() == version


FLOATS = "floats of the rounded weights"


def eight_bits():
    from cartograd.practice.compression.int8_linear import input_bits

    return input_bits() == 8


def test_doctor_tells_what_is_there(cli_run):
    import torch

    found = cli_run("doctor", "--json").json
    assert found["torch"] == torch.__version__
    assert set(found["optional"]) == {
        "onnx",
        "onnxruntime",
        "onnxscript",
        "openpyxl",
        "pyarrow",
        "rdata",
    }
    out = cli_run("doctor").out
    assert "threads" in out
    kernels = {one.pop("task"): one for one in found["kernels"]}
    assert {task: one["fallback"] for task, one in kernels.items()} == {
        "large linear layers": "torch's linear",
        "GELU between rounded layers": "torch's",
        "bf16 training": "float32",
        "attention in training": "torch's kernel",
        "dropout": "torch's dropout",
        "float16 weights": FLOATS,
        "bf16 weights": FLOATS,
        "int8 weights": "integers, 7-bit inputs" if eight_bits() else FLOATS,
        "int8 products": "integers, 7-bit inputs" if eight_bits() else FLOATS,
        "int8 convolutions": "integers, 7-bit inputs" if eight_bits() else FLOATS,
        "int4 weights": FLOATS,
        "few rows, 32-bit weights": "torch's products",
        "few rows, 8-bit weights": "torch's products",
        "few rows, 4-bit weights": "torch's products",
        "a token's step": "torch's calls",
    }
    for task, one in kernels.items():
        assert one["reason"]
        assert f"  {task}: {one['chosen']} (" in out or task == "large linear layers"  # by time


def test_trace_prints_the_worked_numbers(cli_run):
    assert "agrees" in cli_run("trace").out
    assert all(step["name"] for step in cli_run("trace", "--json").json)


def test_a_mistake_is_one_line_and_with_json_an_object_too(cli_run):
    done = cli_run("show", "lenet6", "--json")
    assert done.code == 2
    assert done.err == (
        "cartograd: unknown method 'lenet6'; did you mean 'lenet5'? "
        "(`cartograd list` shows all; --import MODULE adds those of your own)\n"
    )
    assert json.loads(done.out)["error"]["kind"] == "usage"
    assert cli_run("show", "lenet6").out == ""


@pytest.mark.parametrize(
    "words", [["trainn"], ["train", "--epochs", "many"], ["train", "mlp", "--oops"], ["show"]]
)
def test_a_wrong_command_line_is_one_line_too(cli_run, words):
    done = cli_run(*words)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("cartograd: ")
    assert done.err.count("\n") == 1


def test_a_bug_keeps_its_traceback(monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(registry, "find", broken)
    with pytest.raises(ZeroDivisionError):
        main(["show", "mlp"])


def test_ctrl_c_is_130(monkeypatch, cli_run):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(registry, "find", stopped)
    assert cli_run("show", "mlp").code == 130


def test_a_warning_is_one_line():
    program = """
import sys, warnings
from cartograd.apps import cli
from cartograd.core import registry
def find(name, **kind):
    warnings.warn("mind\\nthe gap")
    raise KeyboardInterrupt
registry.find = find
sys.exit(cli.main(["show", "mlp"]))
"""
    done = python("-c", program)
    assert (done.returncode, done.stderr) == (130, "warning: mind the gap\nstopped\n")


def test_without_words_there_is_help(cli_run):
    done = cli_run()
    assert done.code == 0
    assert "Usage: cartograd COMMAND" in done.out


def test_a_reader_that_leaves_is_no_error():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "cartograd", "coverage"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_metrics_are_split_at_commas_but_not_within_a_spec():
    words = ("accuracy, f1:average=weighted", "ece:bins=5,")
    assert split(words) == ["accuracy", "f1:average=weighted", "ece:bins=5"]


def test_kinds_are_those_of_the_help(cli_run):
    text = " ".join(cli_run("list", "--help").out.replace("│", " ").split())
    assert all(kind in text for kind in KINDS)
