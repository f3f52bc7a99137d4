"""How Sphinx builds the site: without the network, for a browser that opens files."""

# pyright: reportMissingImports=false
# Sphinx is in the extra `docs` alone.

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import cartograd
from tools.site.chinese_search import EnglishAndChinese

HERE = Path(__file__).parent

project = "Cartograd"
author = "The authors of Cartograd"
copyright = author
release = version = cartograd.__version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns: list[str] = []
suppress_warnings = ["misc.highlighting_failure"]  # what a console prints is no code
highlight_language = "text"
pygments_style, pygments_dark_style = "friendly", "native"

myst_heading_anchors = 3
myst_links_external_new_tab = False

default_role = "code"
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!cartograd\.).*"),  # other packages have sites of their own
    ("py:class", r"cartograd(\.\w+){2,}"),  # types within types, which have no public name
]
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_use_ivar = True
napoleon_attr_annotations = False  # letters of shapes are no marks

html_theme = "furo"
html_title = "Cartograd"
html_static_path = [str(HERE / "static")]
templates_path = [str(HERE / "templates")]
smartquotes = False
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_search_summary = False  # it would fetch pages, which a browser refuses of files
html_last_updated_fmt = None
html_sidebars = {
    "**": [
        "sidebar/brand.html", "sidebar/language.html", "sidebar/search.html",
        "sidebar/scroll-start.html", "sidebar/navigation.html", "sidebar/scroll-end.html",
    ]
}  # fmt: skip


def other(page: str, pages: Any, /) -> tuple[bool, str]:
    """Whether a page is in Chinese, and its page in the other language, or where that begins.

    >>> other("map/section-1-1", {"zh/map/section-1-1"})
    (False, 'zh/map/section-1-1')
    >>> other("docs/guides/training.zh", {"docs/guides/training"})
    (True, 'docs/guides/training')
    >>> other("methods/index", ())
    (False, 'zh/index')
    """
    zh = page.startswith("zh/") or page.endswith(".zh")
    twin = page.removeprefix("zh/").removesuffix(".zh") if zh else f"zh/{page}"
    if not zh and twin not in pages:
        twin = f"{page}.zh"
    return zh, twin if twin in pages else "index" if zh else "zh/index"


def _page(app: Sphinx, page: str, _: str, context: dict[str, Any], __: Any) -> None:
    """Say what language a page is in, and keep the navigation to where the reader is."""
    zh, twin = other(page, app.env.found_docs)
    context["language"] = "zh" if zh else "en"
    context["twin"], context["in_chinese"] = twin, zh
    whole = context["toctree"]
    context["toctree"] = lambda **options: whole(**(options | {"collapse": True, "maxdepth": 3}))


def _public(app: Sphinx, env: Any, node: Any, content: Any) -> Any:
    """The public name of a class that an annotation names by the file it lives in."""
    name = node.get("reftarget", "").rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in cartograd.__all__:
        return None
    domain = env.get_domain("py")
    return domain.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], f"cartograd.{name}", node, content
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what is ours."""
    app.add_search_language(EnglishAndChinese)
    app.add_css_file("site.css")
    app.connect("html-page-context", _page, priority=400)
    app.connect("missing-reference", _public)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
