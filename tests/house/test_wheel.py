"""What is installed: the wheels' contents, by the tree alone, and the images' files."""

import re
import tomllib

from tools.source import ROOT
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
        assert last.index("USER cartograd") < last.index("ENTRYPOINT")
        assert "HEALTHCHECK" in last
        assert "-p 127.0.0.1:8000:8000" in text
