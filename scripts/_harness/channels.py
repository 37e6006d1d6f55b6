"""What a channel is called in a picture."""

from collections.abc import Sequence


def channel_name(channel: int, total: int, labels: Sequence[str]) -> str:
    """`channel 7`, or the class where a layer has a channel for each class, as the last convolution of SqueezeNet has.

    Args:
        channel: its number.
        total: how many channels the layer has.
        labels: of all classes.
    """
    return labels[channel].replace("_", " ") if total == len(labels) else f"channel {channel}"
