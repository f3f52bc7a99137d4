"""The letters of tensor shapes, the same in every annotation, comment and docstring."""

LETTERS = {
    "b": "batch",
    "t": "time or target position",
    "s": "source position",
    "d": "features",
    "h": "heads",
    "c": "channels",
    "y": "pixel row",
    "x": "pixel column",
    "v": "vocabulary, or output pixel row",
    "u": "output pixel column",
    "k": "classes",
    "n": "examples",
    "m": "mixture components",
    "q": "boxes of a picture",
}
