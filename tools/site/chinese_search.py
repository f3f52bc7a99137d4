"""Search that knows Chinese beside English, without a dictionary: each two letters are a word."""

# pyright: reportMissingImports=false
# Sphinx is in the extra `docs` alone.

import re

from sphinx.search.en import SearchEnglish

_HAN = re.compile(r"[\u3400-\u9fff]+")

SPLITTER = """
function splitQuery(query) {
    const found = [];
    for (const word of query.split(/[^\\p{Letter}\\p{Number}_]+/gu).filter(one => one)) {
        for (const part of word.split(/([\\u3400-\\u9fff]+)/u).filter(one => one)) {
            if (!/^[\\u3400-\\u9fff]/u.test(part) || part.length < 3) found.push(part);
            else for (let at = 0; at + 1 < part.length; at++) found.push(part.slice(at, at + 2));
        }
    }
    return found;
}
"""


class EnglishAndChinese(SearchEnglish):
    """English words by their stems, Chinese by letters and pairs of letters."""

    js_splitter_code = SPLITTER

    def split(self, input: str) -> list[str]:
        """The words of a text.

        >>> EnglishAndChinese({}).split("a 梯度下降")
        ['a', '梯', '度', '下', '降', '梯度', '度下', '下降']
        """
        found = _HAN.sub(" ", input)
        words = super().split(found)
        for text in _HAN.findall(input):
            words += [*text, *(text[at : at + 2] for at in range(len(text) - 1))]
        return words

    def word_filter(self, word: str) -> bool:
        """Whether a word is kept; Chinese ones are, however short."""
        return bool(_HAN.fullmatch(word)) or super().word_filter(word)
