"""Where XNNPACK's kernels are chosen."""


class XnnpackPartitioner:
    """Stands for the choice."""
