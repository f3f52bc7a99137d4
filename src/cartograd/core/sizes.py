"""The arguments of a model that follow from what its examples are."""

from typing import Any


def sizes_of(port: Any, /) -> dict[str, int]:
    """Sizes by the names that models give them.

    Args:
        port: a `Port` of a signature (any, as ports ask this file).
    """
    sizes: dict[str, int] = {}
    if all(isinstance(dim, int) for dim in port.dims):
        sizes["features"] = port.size
    elif port.kind == "vector" and isinstance(port.dims[-1], int):
        sizes["features"] = port.dims[-1]  # of one step of a series
    if port.kind == "image":
        channels, height, width = port.dims
        if isinstance(channels, int):
            sizes["channels"] = channels
        if isinstance(height, int) and height == width:
            sizes["size"] = height
    if port.kind == "series" and port.timeline is not None:
        sizes["channels"], sizes["context"] = port.dims
        sizes |= {"season": port.timeline.season, "horizon": port.timeline.horizon}
    numbered = [column for column in port.columns if column.numbered]
    for name, column in zip(("users", "items"), numbered, strict=False):
        sizes |= {"history": column.features} if column.features else {name: len(column.categories)}
    if port.levels:
        sizes["levels"] = port.levels
    return sizes if port.rate is None else sizes | {"sample_rate": port.rate}
