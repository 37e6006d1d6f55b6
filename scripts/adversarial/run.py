"""The steps of `scripts.adversarial`, one after the other."""

from tqdm import tqdm

from scripts._harness.run_folder import Step
from scripts.adversarial import measure as _measure
from scripts.adversarial.study import Study

_STEPS = ("patch", "success", "perturb", "look")


def measure(study: Study) -> dict[str, Step]:
    """All steps by name."""
    steps: dict[str, Step] = {}
    for name in (bar := tqdm(_STEPS, unit="step")):
        bar.set_description(name)
        steps[name] = study.folder.step(name, lambda name=name: _measure_one(study, name, steps))
    return steps


def _measure_one(study: Study, name: str, steps: dict[str, Step]) -> Step:
    if name == "patch":
        return _measure.make(study)
    if name == "success":
        return _measure.success(study, steps["patch"])
    if name == "perturb":
        return _measure.perturb(study)
    return _measure.look(study, steps["patch"])


def headline(steps: dict[str, Step]) -> str:
    """Success of the patch, a photo and noise at the middle size, and where Grad-CAM looks."""
    success, look = steps["success"].numbers, steps["look"].numbers
    middle = len(success["factors"]) // 2
    rates = ", ".join(f"{name} {success[name]['success'][middle]:.0%}" for name in ("patch", "photo", "noise"))
    return (
        f"On {success['area'][middle]:.0%} of the picture, {success['photos']} unseen photos: {rates}. Grad-CAM of the "
        f"target peaks on the patch in {look['grad_cam_peak_in_patch']:.0%}."
    )
