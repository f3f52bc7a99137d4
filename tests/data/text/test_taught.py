"""Which tokens of a chat are learned, against transformers' mask and on random chats."""

import json

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from cartograd.core.errors import UsageError
from cartograd.data.text.taught import taught
from cartograd.data.text.tokenizer import Tokenizer
from tests.reference import Reference

transformers = Reference("transformers")

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GENERATION = CHATML.replace(
    "{{ m.content }}<|im_end|>\n{% endfor",
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}"
    "{% else %}{{ m.content }}<|im_end|>{% endif %}\n{% endfor",
)
OPEN = GENERATION.replace("<|im_end|>{% endgeneration %}", "{% endgeneration %}<|im_end|>")
LLAMA2 = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token }}[INST] {{ m.content | trim }} "
    "[/INST]{% elif m.role == 'assistant' %} {{ m.content | trim }} {{ eos_token }}"
    "{% else %}{{ m.content }}{% endif %}{% endfor %}"
)
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello <|im_end|> 猫!"},
    {"role": "user", "content": "Who?"},
    {"role": "assistant", "content": " Me. "},
]


@pytest.fixture(scope="module")
def document():
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>"],
        show_progress=False, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(["the cat sat", "who is there"], trainer)
    return json.loads(made.to_str())


def tokenizer(document, template):
    return Tokenizer(document, special={"begin": 0, "end": 1, "padding": 2}, chat=template)


def learned(made, messages):
    """What is learned, with the ends of turns as they are spelled."""
    tokens, counts = taught(made, messages)
    said, runs = [], [False, *counts]
    for token, before, now in zip(tokens, runs, counts, strict=False):
        said += [[]] if now and not before else []
        if now:
            said[-1].append(token)
    return [made.decode(row, special=True) for row in said]


@pytest.mark.oracle("chats")
@pytest.mark.parametrize("template", [CHATML, GENERATION, LLAMA2])
def test_tokens_and_mask_are_those_of_transformers(document, template, tmp_path):
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer.from_str(json.dumps(document)),
        bos_token="<s>", eos_token="</s>", pad_token="<pad>",
    )  # fmt: skip
    plain = [one | {"content": one["content"].replace("<|im_end|>", "*")} for one in TALK]
    tokens, counts = taught(tokenizer(document, template), plain)
    marked = template == GENERATION
    said = theirs.apply_chat_template(
        plain, chat_template=template, return_dict=True, return_assistant_tokens_mask=marked
    )
    assert tokens == said["input_ids"]
    if marked:
        assert counts == [bool(one) for one in said["assistant_masks"]]


@pytest.mark.law("chats")
@pytest.mark.parametrize("template", [CHATML, GENERATION, OPEN])
def test_answers_are_learned_with_their_ends(document, template):
    found = learned(tokenizer(document, template), TALK)
    assert found == ["Hello <|im_end|> 猫!<|im_end|>", " Me. <|im_end|>"]
    ends = document["added_tokens"]
    end = next(one["id"] for one in ends if one["content"] == "<|im_end|>")
    tokens, counts = taught(tokenizer(document, template), TALK)
    assert sum(counts[i] for i, token in enumerate(tokens) if token == end) == 2


def test_blanks_around_an_answer_belong_to_it(document):
    found = learned(tokenizer(document, LLAMA2), TALK[1:])
    assert found == [" Hello <|im_end|> 猫! </s>", " Me. </s>"]


roles = st.sampled_from(["user", "assistant"])
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Co")), min_size=1)
spelled = st.sampled_from(["<|im_end|>", "<|im_start|>assistant\n", "</s>", "\n\n", "naïve 猫 😀"])
texts = st.lists(words | spelled, min_size=1, max_size=3).map("".join)
chats = st.lists(st.fixed_dictionaries({"role": roles, "content": texts}), min_size=1, max_size=6)


@pytest.mark.law("chats")
@settings(max_examples=60, deadline=None, derandomize=True)
@given(messages=chats)
def test_random_chats_learn_each_answer_and_one_end_of_each(document, messages):
    answers = [one["content"] for one in messages if one["role"] == "assistant"]
    for template in (CHATML, GENERATION):
        made = tokenizer(document, template)
        tokens, counts = taught(made, messages)
        ends = [count for token, count in zip(tokens, counts, strict=True)
                if token == made.number("<|im_end|>")]  # fmt: skip
        assert (len(ends), sum(ends)) == (len(messages), len(answers))
        said = [token for token, count in zip(tokens, counts, strict=True) if count]
        expected = "".join(f"{answer}<|im_end|>" for answer in answers)
        assert made.decode(said, special=True) == expected


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("", "has no template"),
        ("{% for m in messages %}{{ m.content }}\n{% endfor %}", "writes no control token after"),
        ("{% for m in messages %}{{ m.content[:3] }}</s>{% endfor %}", "changes what answers"),
        ("{% for m in messages[:3] %}{{ m.content }}</s>{% endfor %}", "writes 1 of 2 answers"),
        ("{{ messages | tojson }}</s>", "writes no control token after"),
        ("{% for m in messages %}{{ raise_exception('no') }}{% endfor %}", "template .*says: no"),
    ],
)
def test_templates_that_do_not_tell_are_refused(document, template, told):
    messages = [one | {"content": one["content"].lower().replace("hello", 'h"')} for one in TALK]
    with pytest.raises(UsageError, match=told):
        taught(tokenizer(document, template), messages)


def test_bytes_end_no_answer():
    with pytest.raises(UsageError, match="bytes have no token"):
        taught(Tokenizer.bytes(), TALK)
