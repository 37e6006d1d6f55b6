"""The two steps of `scripts.occlude`, one after the other."""

from typing import TYPE_CHECKING

from tqdm import tqdm

from scripts._harness.networks import network_of
from scripts._harness.photo_study import study as _study
from scripts._harness.photo_study.photos import load
from scripts._harness.photo_study.study import Study
from scripts._harness.run_folder import Step
from scripts.occlude import heatmap as _heatmap
from scripts.occlude import regions as _regions

if TYPE_CHECKING:
    from scripts.occlude.config import Config


def prepare(config: "Config") -> Study:
    """Look at every argument, read the photos, and take the folder."""
    network = network_of(config.network, config.weights)
    layer = _study.cam_layer(network, config.layer)
    photos = load(config.photos, network)
    _regions.check(config, photos, network)
    return _study.prepare("occlude", config, photos, network, layer=layer)


def measure(study: Study) -> dict[str, Step]:
    """Both steps by name."""
    steps = {}
    for name, part in (bar := tqdm({"regions": _regions, "heatmap": _heatmap}.items(), unit="step")):
        bar.set_description(name)
        steps[name] = study.folder.step(name, lambda part=part: part.measure(study, study.given["layer"]))
    return steps


def headline(steps: dict[str, Step]) -> str:
    """What regions say, then what the window says."""
    return f"{_regions.headline(steps['regions'])} {_heatmap.headline(steps['heatmap'])}"
