"""Tokenizers read by Python alone number every text as the package does."""

import json
import random

import pytest
import tokenizers

from cartograd.core.errors import UsageError
from cartograd.data.text import tokens, vocabularies
from cartograd.data.text.plain_models import merged
from cartograd.data.text.plain_tokens import PlainTokens

CORPUS = [
    "It's a warm film, isn't it? They'll have seen 3,141 of them by 2026.",
    "Ça n'est pas drôle; naïve façade, ŒUVRE, Straße, ΣΟΦΟΣ, İstanbul",
    "电影很好看，我喜欢。 これは映画です。 한국어 영화",
    "def f(x):\n    return x**2  # tabs\there\r\n",
    "a_b-c.d@e ... !!! <s> </s> <mask>",
    "no\u00a0break\u2009thin\u3000wide\u200bzero \ufeffmark e\u0301 👩‍👩‍👧 \x0b\x0c\x85\x1c\x00",
]
LETTERS = sorted({letter for text in CORPUS for letter in text} | set("ⅣⅫ½²٣๓ﬁŁıſ‰€$^`~|+=¡¿·—…'’"))

WORDS = [
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "film",
    "##s",
    "a",
    "##a",
    "i",
    "##t",
    "it",
    "s",
    "'",
    "电",
    "影",
    "no",
    "##t",
    "drole",
    "drôle",
    "##e",
    "3",
    "##1",
    ",",
    ".",
    "strasse",
    "c",
]


def bert(**cleaning):
    """BERT's, with a template written as BERT writes it."""
    said = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    } | cleaning
    special = [
        {
            "id": at,
            "content": word,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for at, word in enumerate(WORDS[:4])
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": said,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 20,
            "vocab": {w: i for i, w in enumerate(WORDS)},
        },
    }


def trained(kind):
    return tokens.trained(CORPUS * 3, {"bpe": 330, "wordpiece": 160, "unigram": 160}[kind], kind)


def roberta():
    """GPT-2's pieces with RoBERTa's frame, a mask that takes the blank before it, single words."""
    made = trained("bpe")
    last = len(made["model"]["vocab"])
    extra = {"special": False, "rstrip": False, "lstrip": False, "single_word": False}
    made["added_tokens"][4] |= {"lstrip": True}
    made["added_tokens"] += [
        extra | {"id": last, "content": "film", "single_word": True, "normalized": True},
        extra | {"id": last + 1, "content": "Straße", "rstrip": True, "normalized": True},
        extra | {"id": last + 2, "content": "filmed", "normalized": False},
    ]
    made["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "NFKC"},
            {"type": "Replace", "pattern": {"String": "``"}, "content": '"'},
            {"type": "Lowercase"},
            {"type": "Strip", "strip_left": True, "strip_right": False},
        ],
    }
    made["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {
                "type": "ByteLevel",
                "add_prefix_space": True,
                "trim_offsets": True,
                "use_regex": True,
            },
        ],
    }
    made["post_processor"] = {
        "type": "Sequence",
        "processors": [
            {
                "type": "ByteLevel",
                "add_prefix_space": True,
                "trim_offsets": False,
                "use_regex": True,
            },
            {
                "type": "RobertaProcessing",
                "sep": ["</s>", 3],
                "cls": ["<s>", 2],
                "trim_offsets": True,
                "add_prefix_space": True,
            },
        ],
    }
    return made


def template():
    """Unigrams with SentencePiece's blanks in the place of blanks alone, and a template."""
    made = trained("unigram")
    made["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "NFD"},
            {"type": "StripAccents"},
            {"type": "Prepend", "prepend": "."},
        ],
    }
    made["pre_tokenizer"] = {
        "type": "Metaspace",
        "replacement": "▁",
        "prepend_scheme": "never",
        "split": True,
    }
    piece = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
    end = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    made["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [piece[0], end],
        "pair": [*piece, end],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [3], "tokens": ["</s>"]}},
    }
    return made


DOCUMENTS = {
    "bpe": lambda: trained("bpe"),
    "wordpiece": lambda: trained("wordpiece"),
    "unigram": lambda: trained("unigram"),
    "bert": bert,
    "roberta": roberta,
    "template": template,
    "bert, cased": lambda: bert(lowercase=False, handle_chinese_chars=False),
    "words": lambda: vocabularies.words(CORPUS, vocabulary=60).document,
    "lower words": lambda: vocabularies.lower_words(CORPUS, vocabulary=60).document,
    "letters": lambda: (
        vocabularies.tidying(
            vocabularies.pairing(vocabularies.characters(CORPUS, vocabulary=99))
        ).document
    ),
    "ending": lambda: vocabularies.ending(vocabularies.pieces(CORPUS, vocabulary=300)).document,
    "bert, accents": lambda: bert(strip_accents=False, clean_text=False),
}


def written():
    draw = random.Random(0)
    drawn = ["".join(draw.choices(LETTERS, k=draw.randrange(40))) for _ in range(300)]
    words = " ".join(CORPUS).split()
    mixed = [" ".join(draw.choices([*words, "film", "filmed", "films", "Straße ", "  "], k=9))
             for _ in range(100)]  # fmt: skip
    return [*CORPUS, "", " ", "  a  b ", *drawn, *mixed]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_text_has_the_numbers_that_the_package_gives_it(name):
    document = DOCUMENTS[name]()
    package = tokenizers.Tokenizer.from_str(json.dumps(document))
    plain = PlainTokens(document)
    given = [*written(), ("a film", "it's"), ("", "3 films")]
    for special in (True, False):
        theirs = package.encode_batch_fast(given, add_special_tokens=special)
        ours = plain.encode_batch_fast(given, add_special_tokens=special)
        off = [text for text, a, b in zip(given, ours, theirs, strict=True) if a.ids != b.ids]
        assert off == []
    assert plain.token_to_id("film") == package.token_to_id("film")


def test_a_long_piece_is_merged_in_the_order_that_was_learned():
    pairs = {(1, 1): (1, 2), (2, 2): (0, 3), (3, 1): (2, 4)}
    assert merged([1] * 9, pairs) == [3, 4]
    assert merged([], pairs) == []
    assert merged([1] * 20001, pairs) == [3] * 4999 + [4]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"normalizer": {"type": "Precompiled"}}, "normalizer 'Precompiled' is read by"),
        ({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Isolated"}},
         "pre_tokenizer .Split by {'Regex': 'a'}"),
        ({"pre_tokenizer": {"type": "Punctuation"}}, "pre_tokenizer 'Punctuation'"),
        ({"normalizer": {"type": "Replace", "pattern": {"Regex": "a"}, "content": ""}},
         "normalizer .Replace of"),
        ({"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"}},
         "Metaspace with prepend_scheme=first"),
        ({"model": {"type": "Words", "vocab": {}}}, "model 'Words'"),
        ({"model": {"type": "BPE", "vocab": {}, "merges": [], "byte_fallback": True}},
         "model 'BPE with byte_fallback'"),
        ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}, "no tokenizer"),
        ({"model": {"type": "WordPiece"}}, "no tokenizer: 'vocab'"),
        ({"post_processor": {"type": "Other"}}, "post_processor 'Other'"),
        ({"added_tokens": [{"content": "a"}]}, "no tokenizer: 'id'"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_refused_by_its_name(change, told):
    with pytest.raises(UsageError, match=told):
        PlainTokens(bert() | change)


def test_what_a_vocabulary_lacks_is_a_line():
    said = bert()
    said["model"]["unk_token"] = "[NONE]"
    with pytest.raises(UsageError, match=r"no '\[NONE\]' for what it does not know"):
        PlainTokens(said).encode_batch_fast(["zzz"])
    with pytest.raises(UsageError, match="cutting of pairs"):
        PlainTokens(bert()).enable_truncation(8, strategy="longest_first")
