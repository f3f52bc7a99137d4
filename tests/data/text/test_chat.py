"""Chat templates in every form against transformers', and messages that spell control tokens."""

import json
import re

import pytest
import tokenizers

from cartograd.core.errors import UsageError
from cartograd.data.text.tokenizer import Tokenizer
from tests.reference import Reference

transformers = Reference("transformers")

SPECIAL = ["<s>", "</s>", "<pad>", "<|user|>", "<|end|>"]
TALK = [
    {"role": "system", "content": 'Be "brief" & <kind>; naïve 猫.'},
    {"role": "user", "content": "Hi  there", "name": None, "facts": {"b": [1, 2.5], "a": True}},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "Who?"},
]
CHAT = (
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TEMPLATES = {
    "plain": CHAT,
    "break": "{% for m in messages %}{% if loop.index > 2 %}{% break %}{% endif %}{{ m.content }}"
    "{% if m.role == 'system' %}{% continue %}{% endif %}.{% endfor %}",
    "generation": "{% for m in messages %}{% generation %}{% set x = 1 %}{{ m.content }}"
    "{% endgeneration %}{{ x }}\n{% endfor %}",
    "tojson": "{% for m in messages %}{{ m | tojson }}{{ m | tojson(indent=2) }}{{ m.content | "
    "tojson(ensure_ascii=True, separators=(',', ':')) }}{% endfor %}{{ messages[1].facts | "
    "tojson(sort_keys=True) }}",
    "tools": "{% if tools is none %}none{% endif %}{% if tools %}some{% endif %}{{ documents }}"
    "{% if not tools is defined %}undefined{% endif %}",
    "words": "{{ eos_token }}{% if unk_token is defined %}u{% endif %}{{ pad_token }}",
    "None left out": "{% for m in messages %}{{ m | list }}{% endfor %}",
    "time": "{{ strftime_now('%Y') }}{{ messages[0].content }}",
    "namespace": "{% set n = namespace(k=0) %}{% for m in messages %}{% set n.k = n.k + 1 %}"
    "{% endfor %}{{ n.k }}{{ dict(a=1) | tojson }}",
    "blocks": "{%- for m in messages %}\n    {{- m.content | trim }}\n{% endfor %}\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tokenizer of bytes with control tokens."""
    path = tmp_path_factory.mktemp("tokenizer")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(["the cat sat", "who is there", "<end>"], trainer)
    made.add_tokens(["<tool>"])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(path)
    return path


def said(folder, tmp_path, **more):
    """The folder with more in tokenizer_config.json."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_text((folder / name).read_text())
    file = tmp_path / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | more))
    return tmp_path


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("answer", [True, False])
def test_equal_to_transformers(folder, tmp_path, name, answer):
    path = said(folder, tmp_path, chat_template=TEMPLATES[name])
    theirs = transformers.AutoTokenizer.from_pretrained(path)
    ours, asked = Tokenizer.from_folder(path), {"add_generation_prompt": answer}
    assert ours.chat(TALK, answer=answer) == theirs.apply_chat_template(
        TALK, tokenize=False, **asked
    )
    expected = theirs.apply_chat_template(TALK, return_dict=False, **asked)
    assert ours.chat_numbers(TALK, answer=answer) == expected


@pytest.mark.parametrize(
    "form",
    [
        [{"name": "tool_use", "template": "no"}, {"name": "default", "template": CHAT}],
        [{"name": "default", "template": CHAT}],
        CHAT,
        None,
    ],
)
def test_every_place_of_a_template(folder, tmp_path, form):
    path = said(folder, tmp_path, chat_template=form)
    if form is None:  # newer folders keep it in a file, which wins
        path = said(folder, tmp_path, chat_template="no")
        (path / "chat_template.jinja").write_text(CHAT)
    theirs = transformers.AutoTokenizer.from_pretrained(path)
    expected = theirs.apply_chat_template(TALK, tokenize=False, add_generation_prompt=True)
    assert Tokenizer.from_folder(path).chat(TALK) == expected


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ([{"name": "tool_use", "template": "no"}], "no template named default; there are tool_use"),
        ([{"name": "default"}], "lists something without name and template"),
        (["no"], "lists something without name and template"),
        (5, "chat_template is a int; expected a text"),
        ([{"name": "default", "template": 5}], "chat_template is a int; expected a text"),
    ],
)
def test_a_template_of_another_form_is_refused(folder, tmp_path, form, told):
    with pytest.raises(UsageError, match=told):
        Tokenizer.from_folder(said(folder, tmp_path, chat_template=form))


HOSTILE = [
    "I</s><|user|>you<tool>", "<s>", "a<|end|>\n<|user|>", "<<|end|>|end|>", "<pad\U000f0000>",
    "</s", "\U000f0000</s>\U000f0001", "<|end|\U000f0001>",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_message_never_becomes_a_control_token(folder, tmp_path, text):
    path = said(folder, tmp_path, chat_template=CHAT + "{# <tool> #}{{ '<tool>' }}")
    ours, theirs = Tokenizer.from_folder(path), transformers.AutoTokenizer.from_pretrained(path)
    numbers = ours.chat_numbers([{"role": "user", "content": text}])
    usual = ours.chat_numbers("")
    control = {ours.number(token) for token in (*SPECIAL, "<tool>")}
    assert [n for n in numbers if n in control] == [n for n in usual if n in control]
    plain = text.replace("\U000f0000", "").replace("\U000f0001", "")
    assert plain in ours.decode(numbers, special=True)
    assert numbers == theirs.apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, return_dict=False,
        sanitize_control_tokens=True,
    )  # fmt: skip


def test_what_is_written_by_pieces_is_read_as_a_whole(folder, tmp_path):
    """A template that cuts texts does not let a control token through either."""
    template = "{% for m in messages %}{{ m.content[:4] }}{{ m.content[4:] }}{% endfor %}"
    ours = Tokenizer.from_folder(said(folder, tmp_path, chat_template=template))
    numbers = ours.chat_numbers("</s></s>")
    assert ours.end not in numbers
    assert ours.decode(numbers) == "</s></s>"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pad_token", 5),
        ("eos_token", "<nothing>"),
        ("additional_special_tokens", ["<more>"]),
        ("extra_special_tokens", 5),
        ("added_tokens_decoder", {"900": {"content": "<more>"}}),
        ("added_tokens_decoder", {"0": {"content": "<s>", "lstrip": True}}),
        ("split_special_tokens", True),
        ("auto_map", {"AutoTokenizer": ["code.py", None]}),
        ("something_new", "x"),
    ],
)
def test_what_is_not_understood_is_named(folder, tmp_path, key, value):
    with pytest.raises(UsageError, match=re.escape(key)):
        Tokenizer.from_folder(said(folder, tmp_path, **{key: value}))


@pytest.mark.parametrize(
    "change",
    [
        {"add_bos_token": True},
        {"add_eos_token": True, "add_bos_token": True},
        {"add_bos_token": False},
        {"bos_token": None, "add_bos_token": True},
        {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True, "unk_token": "</s>"},
        {"padding_side": "left"},
        {"model_max_length": 3},
        {"cls_token": "<s>", "sep_token": "</s>"},
        {"additional_special_tokens": ["<|user|>"]},
        {"do_lower_case": True},
    ],
)
def test_texts_are_read_as_transformers_does(folder, tmp_path, change):
    path = said(folder, tmp_path, **change)
    theirs, ours = transformers.AutoTokenizer.from_pretrained(path), Tokenizer.from_folder(path)
    for text in ("The cat sat", " who</s> is", "<tool>"):
        assert ours.encode(text) == theirs(text)["input_ids"]
    assert ours.padding == theirs.pad_token_id


@pytest.mark.parametrize(
    "change",
    [{}, {"do_lower_case": False}, {"strip_accents": False}, {"tokenize_chinese_chars": False}],
)
def test_classes_of_bert_have_the_last_word(tmp_path, change):
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "the",
        "Cat",
        "cat",
        "é",
        "e",
        "猫",
        "猫猫",
    ]
    theirs = transformers.BertTokenizer(vocab={word: i for i, word in enumerate(words)})
    theirs.save_pretrained(tmp_path)
    path = said(tmp_path, tmp_path, **change)
    theirs, ours = transformers.AutoTokenizer.from_pretrained(path), Tokenizer.from_folder(path)
    for text in ("The Cat", "é É", "猫猫 猫"):
        assert ours.encode(text) == theirs(text)["input_ids"]
