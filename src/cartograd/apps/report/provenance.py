"""Where it came from: versions, date, data and digest, so that it can be found and repeated."""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata

from markupsafe import Markup

from cartograd.apps.report.parts import Section, Table, table

_PACKAGES = ("cartograd", "torch", "numpy", "onnx", "onnxruntime")


def provenance(facts: Mapping[str, str] | None = None, /) -> Section:
    """A row for each fact, then the versions of what ran and the date.

    Args:
        facts: such as the bundle's digest, the data's source, licence and sha256.
    """
    found = dict(facts or {}) | versions()
    found["written"] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    rows = [[name, Markup("<code>{}</code>").format(value)] for name, value in found.items()]
    body = table(Table(["fact", "value"], rows, text=frozenset({1})))
    return Section("provenance", "Provenance", "", body)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, as far as installed."""
    found = {"python": platform.python_version(), "system": platform.system()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
