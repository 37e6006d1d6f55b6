"""The pictures of `scripts.strongest`."""

import numpy as np

from jaxviz import render
from scripts._harness.channels import channel_name
from scripts._harness.run_folder import Step
from scripts._harness.scan.data import PHOTOS
from scripts.strongest.study import FOUND, Study

_TILE = 218


def files(study: Study, steps: dict[str, Step]) -> dict[str, bytes]:
    """All of them by the names of their files."""
    if study.chosen:
        return {"filters.png": render.png(_rows(study, steps))}
    return {
        f"{layer}.png": render.png(sheet(study, layer, steps))
        for layer in study.layers
        if len(_blocks(study, steps, layer))
    }


def sheet(study: Study, layer: str, steps: dict[str, Step]) -> np.ndarray:
    """Per channel a square of projections beside the square of the patches."""
    blocks, found = _blocks(study, steps, layer), steps[FOUND].numbers["layers"][layer]
    side = steps[layer].numbers["field"]
    what = (
        f"in fields of {side}x{side} pixels"
        if study.config.score == "max"
        else f"by the {study.config.score} of the map"
    )
    what += ", cropped to what responds"
    silent = f", {found['silent']} of {found['channels']} silent" if found["silent"] else ""
    title = f"{study.network.name} {layer}: strongest in {_data(study)}, {what}{silent}"
    return render.paired_sheet(
        [render.mosaic(projections, _TILE) for _, projections, _ in blocks],
        [patches for _, _, patches in blocks],
        [channel_name(channel, found["channels"], study.network.labels) for channel, _, _ in blocks],
        title=title,
        cols=4,
        tile=_TILE,
    )


def _rows(study: Study, steps: dict[str, Step]) -> np.ndarray:
    """A row per filter: each of its images beside what excited it there."""
    rows, labels = [], []
    for layer in study.layers:
        for channel, projections, patches in _blocks(study, steps, layer):
            rows.append([picture for pair in zip(patches, projections, strict=True) for picture in pair])
            total = steps[FOUND].numbers["layers"][layer]["channels"]
            labels.append(f"{layer}\n{channel_name(channel, total, study.network.labels)}")
    width = max(map(len, rows))
    cols = [
        f"image {place + 1}" if part == 0 else study.config.rule for place in range(width // 2) for part in range(2)
    ]
    title = f"{study.network.name}: strongest in {_data(study)} by the {study.config.score} of the map"
    filled = [[*row, *[None] * (width - len(row))] for row in rows]
    return render.grid(filled, rows=labels, cols=cols, title=title, cell=0.95)


def _blocks(study: Study, steps: dict[str, Step], layer: str) -> list[tuple[int, list[np.ndarray], list[np.ndarray]]]:
    """Channel, projections and patches, of the images that there are and that excite it at all."""
    found, step, num = steps[FOUND].arrays, steps[layer].arrays, study.config.num
    blocks = []
    for row, channel in enumerate(found[f"{layer}.channels"]):
        own = slice(row * num, (row + 1) * num)
        there = (found[f"{layer}.scores"][channel] > 0) & (found[f"{layer}.indices"][channel] >= 0)
        projections, patches = (list(step[name][own][there]) for name in ("projections", "patches"))
        if patches:
            blocks.append((int(channel), projections, patches))
    return blocks


def _data(study: Study) -> str:
    data = study.data
    return f"{data.size} photos" if data.name == PHOTOS else f"{data.size:,} images of {data.name} {data.split}"


def table(study: Study, steps: dict[str, Step]) -> str:
    """A line per layer."""
    lines = []
    for layer, found in steps[FOUND].numbers["layers"].items():
        used = {image for one in found["shown"].values() for image in one["images"]}
        lines.append(
            f"  {layer:<10} {found['channels']:>4} channels, {found['silent']} silent; "
            f"the {len(found['shown'])} shown have {len(used)} different images"
        )
    skipped = steps[FOUND].numbers["skipped"]
    if skipped:
        lines.append(f"  left out, as they cannot be read: {', '.join(map(str, skipped))}")
    return "\n".join(lines)
