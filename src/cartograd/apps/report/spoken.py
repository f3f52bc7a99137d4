"""A page in the language of its readers: its words by the catalogue, all else as it is."""

import re

from markupsafe import Markup, escape

from cartograd.core.language import chinese, said

_PARTS = re.compile(
    r"(<(style|script|code|pre)\b.*?</\2>|<th[^>]* translate=\"no\">[^<]*</th>|<[^>]+>)", re.DOTALL
)
_SEEN = re.compile(r'(?<= )(alt|title|aria-label)="([^"]*)"')


def spoken(page: str, /) -> str:
    """A page's headings, sentences, tables and words of drawings in the language of the user.

    >>> spoken("<p>The numbers</p>")
    '<p>The numbers</p>'
    """
    if not chinese():
        return page
    pieces = _PARTS.split(page.replace('<html lang="en">', '<html lang="zh-CN">', 1))
    texts, tags = map(_text, pieces[::3]), map(_tag, pieces[1::3])
    return "".join(part for pair in zip(texts, (*tags, ""), strict=True) for part in pair)


def _text(text: str) -> str:
    if not text.strip():
        return text
    plain = Markup(text).unescape()
    told = said(plain)
    return text if told == plain else str(escape(told))


def _tag(tag: str) -> str:
    return _SEEN.sub(lambda part: f'{part[1]}="{_text(part[2])}"', tag)
