"""Filters by name, as in `conv1:3`."""

from collections.abc import Mapping, Sequence

from scripts._harness.words import unknown


def parsed(filters: Sequence[str], channels: Mapping[str, int]) -> dict[str, list[int]]:
    """From layers to the channels that are named.

    Args:
        filters: LAYER:CHANNEL each.
        channels: how many each layer has.

    Raises:
        ValueError: a layer or a channel that is not there.
    """
    chosen: dict[str, list[int]] = {}
    for text in filters:
        layer, _, channel = text.partition(":")
        if layer not in channels:
            raise ValueError(unknown("--filters", layer, list(channels)))
        if not channel.isdigit() or int(channel) >= channels[layer]:
            rule = f"LAYER:CHANNEL with a channel in 0..{channels[layer] - 1} of {layer}"
            raise ValueError(f"`--filters` must be {rule}, got {text!r}.")
        chosen.setdefault(layer, []).append(int(channel))
    return chosen
