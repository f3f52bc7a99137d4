"""What a signed model keeps of its own signature where it is trained on data with another.

Its bounds, mean, standard deviation and labels say how it was built: a network that standardises
its inputs itself must not get standardised ones.
"""

from dataclasses import replace

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature


def kept(own: Signature, data: Signature, /) -> Signature:
    """The data's signature with what the model's own says where both fit.

    Raises:
        UsageError: they do not fit: other inputs, sizes, tokens, or the classes in another order.
    """
    if own == data:
        return data
    if len(own.inputs) != len(data.inputs):
        raise UsageError(
            f"the model was signed for the inputs {_names(own.inputs)}, and the data has "
            f"{_names(data.inputs)}"
        )
    inputs = tuple(_input(*pair) for pair in zip(own.inputs, data.inputs, strict=True))
    return Signature(inputs, (_output(own.output, data.output), *data.outputs[1:]))


def _input(own: Port, data: Port) -> Port:
    if own.kind != data.kind or not _same(own.dims, data.dims):
        raise UsageError(
            f"the model was signed for {own.kind} of {own.dims}, and the data has {data.kind} of "
            f"{data.dims}; sign it for this data, or bring the data to its size"
        )
    if own.columns != data.columns:  # encoded anew, with statistics of their own
        return data
    if own.kind == "text" and own.bounds and data.bounds and data.bounds[1] > own.bounds[1]:
        raise UsageError(
            f"the model was signed for tokens up to {own.bounds[1]:g}, and the data has some up "
            f"to {data.bounds[1]:g}; take data of its vocabulary"
        )
    padding = data.padding_id if own.padding_id is None else own.padding_id
    unseen = with_seen(data, own).unseen
    return replace(
        own, name=data.name, dims=data.dims, padding_id=padding, unseen=unseen, pair=data.pair,
        separator_id=data.separator_id,
    )  # fmt: skip


def with_seen(data: Port, before: Port | None, /) -> Port:
    """A port of classes that lacks examples of those alone that were not seen before, either.

    Args:
        data: of what is learned now.
        before: of what was learned, if classes were told.
    """
    if before is None or before.labels != data.labels:
        return data
    return replace(data, unseen=tuple(one for one in data.unseen if one in before.unseen))


def _output(own: Port, data: Port) -> Port:
    if own.task == data.task == "classify" and own.dims == (1,) and data.dims == (2,):
        data = replace(data, dims=(1,))  # a single logit says yes or no
    if own.task != data.task or own.dims != data.dims:
        return data
    if data.task == "regress":
        return replace(data, mean=own.mean, std=own.std, bounds=own.bounds)
    labels = data.labels
    if own.labels != labels and set(own.labels) == set(labels):
        raise UsageError(
            f"the model was signed for the classes in the order {', '.join(own.labels)}, and the "
            f"data numbers them {', '.join(labels)}; sign it with the data's labels"
        )
    if not own.labels or not data.unnamed:
        return data
    positive = data.positive and own.labels[labels.index(data.positive)]
    return replace(data, labels=own.labels, positive=positive)


def _same(own: tuple[int | str, ...], data: tuple[int | str, ...]) -> bool:
    return len(own) == len(data) and all(
        isinstance(a, str) or isinstance(b, str) or a == b for a, b in zip(own, data, strict=True)
    )


def _names(ports: tuple[Port, ...]) -> str:
    return ", ".join(f"{port.name} ({port.kind})" for port in ports)
