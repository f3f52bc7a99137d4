"""A tuned model as a GGUF file: llama.cpp writes the same, by its template and tokenizer."""

import re

import pytest
import torch

from cartograd.apps.load.target import as_signed
from cartograd.apps.verbs.export import export
from cartograd.apps.verbs.generate import generate
from cartograd.engine.files.bundle import load, write_bundle
from tests.lent_base import adapter, base_of, kept

MODEL = "llama:dim=32,depth=2,heads=4,kv_heads=2,ffn_dim=64,context=96"

WRITTEN = {
    "What is one?":
        ' andL~[umbe an~KumbeL~umbeJ$_LJ~L~',
    "Say two and three and more.":
        'K~[~F~K~J~ an$\x19\u6ae4re~O4',
    "three":
        '~\x1c~M~$ whiTy~?~t~$~Sa\x1c~ an',
    "no":
        ' of#LJ~{~umbe~hiL~$~\x1c~L',
    "A number, which it is?":
        'K~JO~\x1c~$Sa\x17[~\x1c@\u0515~\x17\x1cl[\x1c',
    "one and two and three and one":
        '~ whiSa~W~\t~K~ an~t~ one~\x05tK',
    "Is it two?":
        'T~$"\t~umbeK~\x1c~\x05K~J$$$~\x1cm',
    "Say no more":
        '! of#L~C~$$$~ of~X$$$$$$$',
}  # fmt: skip
"""What llama.cpp (xllamacpp 2026.10.11549, `handle_chat_completions`, keys and values in float32,
temperature 0, 24 tokens) wrote for the file that this test makes; `~`: bytes that are no letter."""


@pytest.mark.place("llm/lora")
def test_llama_cpp_writes_the_same_from_the_file_of_a_tuned_model(tmp_path):
    base = base_of(MODEL)
    run = adapter(tmp_path, base, kept(tmp_path, base), "ours", "dora:rank=4")
    merged = as_signed(run / "adapter")
    write_bundle(tmp_path / "merged", merged, examples=torch.randint(5, 250, (2, 9)))
    file = tmp_path / "ours.gguf"
    export(load(tmp_path / "merged"), file, to="gguf-file:type=f32")
    for target in (merged, f"gguf:{file}"):
        for question, text in WRITTEN.items():
            (own,) = generate(target, question, length=24)
            assert plain(own.text) == text, question
    (before,) = generate(base, "What is one?", length=24)
    assert plain(before.text) != WRITTEN["What is one?"]


def plain(text):
    """A text of random tokens: bytes that are no letter are counted otherwise there."""
    return re.sub("\ufffd+", "~", text)
