"""The model card of a bundle: what its files say, for a reader."""

from collections.abc import Mapping
from typing import Any

from cartograd.core.signed import Signed


def model_card(model: Signed, documents: Mapping[str, Any], /) -> str:
    """The model card."""
    signature, spec = model.signature, model.spec
    name = type(model.model).__name__ if spec is None else str(spec)
    lines = [f"# {name}", "", "## What it takes and gives", ""]
    for title, ports in (("input", signature.inputs), ("output", signature.outputs)):
        for port in ports:
            shape = " x ".join(map(str, port.dims))
            lines.append(f"- {title} `{port.name}`: {port.kind}, {shape}, {port.dtype}")
            if port.bounds is not None:
                lines.append(f"  values from {port.bounds[0]:g} to {port.bounds[1]:g}")
            if port.labels:
                lines.append(f"  classes: {', '.join(port.labels)}")
    for title, key in (("What was measured", "metrics"), ("How it was made", "about")):
        if documents[key]:
            lines += ["", f"## {title}", ""]
            lines += [f"- {word}: {_told(value)}" for word, value in documents[key].items()]
    return "\n".join(lines) + "\n"


def _told(value: Any) -> str:
    """A value for a reader."""
    if isinstance(value, Mapping):
        return ", ".join(f"{word} {_told(item)}" for word, item in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
