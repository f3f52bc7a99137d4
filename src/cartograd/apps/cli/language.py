"""Which language the names of places and methods are shown in."""

import os
from typing import Literal

Language = Literal["auto", "en", "zh"]


def chinese(lang: Language, /) -> bool:
    """Whether to show Chinese: as asked, or as the first locale variable that is set says."""
    if lang != "auto":
        return lang == "zh"
    chosen = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next((value for value in chosen if value), "").lower().startswith("zh")
