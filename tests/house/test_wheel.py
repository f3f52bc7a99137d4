"""What is installed: the wheels' contents, by the tree alone, and the images' files."""

import json
import re
import shlex
import subprocess
import sys
import tomllib

import pytest

from tools import trial, trial_place
from tools.source import ROOT
from tools.trial_page import page
from tools.wheel import HOME, STARTS, project

IMAGES = ("Dockerfile", "Dockerfile.runtime")


def test_the_runtime_needs_no_torch_and_has_its_command():
    described = tomllib.loads(project())["project"]
    assert described["name"] == "cartograd-runtime"
    needs = [re.split(r"[<>=\[]", one)[0] for one in described["dependencies"]]
    assert "torch" not in needs
    assert "onnxruntime" in needs
    (target,) = described["scripts"].values()
    module, _, _ = target.partition(":")
    assert module.removeprefix("cartograd.") in STARTS
    assert tomllib.loads(project())["tool"]["setuptools"]["package-data"]


def test_what_the_runtime_starts_from_is_there():
    assert all((HOME / f"{name.replace('.', '/')}.py").is_file() for name in STARTS)


def test_images_copy_what_is_there_and_run_without_rights():
    allowed = set(re.findall(r"^!(\w\S*)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    for name in IMAGES:
        text = (ROOT / name).read_text()
        copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
        words = {word for line in copied for word in line.split()}
        assert words
        assert all((ROOT / word).exists() for word in words)
        assert words <= allowed
        last = text.rpartition("\nFROM ")[2]
        assert last.index("USER 10001") < last.index("ENTRYPOINT")
        assert "HEALTHCHECK" in last
        assert "-p 127.0.0.1:8000:8000" in text


KEYWORDS = {
    "FROM",
    "WORKDIR",
    "COPY",
    "RUN",
    "USER",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "ENTRYPOINT",
    "CMD",
}


def instructions(name):
    """What an image's file says: keyword and rest, with its lines joined and comments gone."""
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]


@pytest.mark.parametrize("name", IMAGES)
def test_every_line_of_an_image_can_be_run(name):
    told = instructions(name)
    assert {keyword for keyword, _ in told} <= KEYWORDS
    for keyword, rest in told:
        if keyword == "RUN":
            done = subprocess.run(["sh", "-nc", rest], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        elif keyword in ("ENTRYPOINT", "CMD"):
            assert all(isinstance(word, str) for word in json.loads(rest))
        elif keyword == "HEALTHCHECK":
            program, flag, code = json.loads(re.search(r"CMD (.*)", rest)[1])
            assert (program, flag) == ("python", "-c")
            compile(code, name, "exec")
        elif keyword == "FROM":
            assert re.fullmatch(r"python:\d\.\d+-slim( AS \w+)?", rest)
    stages = {rest.partition(" AS ")[2] for keyword, rest in told if keyword == "FROM"}
    copied = re.findall(r"--from=(\w+)", (ROOT / name).read_text())
    assert set(copied) <= stages
    assert not any("sudo" in rest or "chmod 777" in rest for _, rest in told)


def test_flags_of_pip_in_images_are_its_flags():
    """And what finds the runtime's files is what the runtime depends on."""
    lines = [rest for name in IMAGES for keyword, rest in instructions(name) if keyword == "RUN"]
    calls = [shlex.split(one) for line in lines for one in line.split("&&") if "pip " in one]
    assert len(calls) == 4
    known = (
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--help"], capture_output=True, text=True
        ).stdout
        + "--wheel-dir"
    )  # of `pip wheel`
    for call in calls:
        assert all(word.partition("=")[0] in known for word in call if word.startswith("--"))
    needs = tomllib.loads(project())["project"]["dependencies"]
    found = next(call for call in calls if "numpy" in call)
    names = {re.split(r"[<>=]", one)[0] for one in found[found.index("install") + 1 :]}
    assert names - {"--no-cache-dir"} == {re.split(r"[<>=]", one)[0] for one in needs}


def test_the_page_of_a_trial_is_what_was_found():
    """The kept figures, drawn again, and within what the runtime may take."""
    kept = json.loads((ROOT / "docs/results/install.json").read_text())
    assert page(kept) == (ROOT / "docs/results/install.md").read_text()
    runtime = kept["runtime"]["bare"]
    assert runtime["size"] <= trial.LARGEST * 1e6
    assert set(kept["answers"]) == {"picture", "table", "text"}
    assert all(one["difference"] <= trial.WITHIN for one in kept["answers"].values())
    said = {line for lines in kept["commands"].values() for line, _, _ in lines}
    assert "cartograd tour" in said


def test_an_environment_finds_no_program_of_the_machine(tmp_path):
    place = trial_place.Place(tmp_path)
    assert place.absent() == list(trial_place.PROGRAMS)
    assert set(place.environment()) == {"HOME", "PATH", "LANG", "OMP_NUM_THREADS"}
    place.programs.mkdir(parents=True)
    git = place.programs / "git"
    git.write_text("#!/bin/sh\n")
    git.chmod(0o755)
    with pytest.raises(SystemExit, match="git on the path"):
        place.absent()
    git.write_text("#!/bin/sh\necho no >&2\nexit 3\n")
    with pytest.raises(SystemExit, match="git: exit code 3\nno"):
        place.run("git")
