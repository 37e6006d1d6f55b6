"""What `scripts.adversarial` measured, as pictures and as text."""

import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxviz import render
from jaxviz.render import plot
from scripts._harness.run_folder import Step, dumps
from scripts.adversarial.study import Study

_ROWS = 4
_NAMES = {"patch": "made patch", "photo": "photo of the class", "noise": "noise"}


def files(study: Study, steps: dict[str, Step]) -> dict[str, bytes]:
    """The pictures, the numbers of all steps, and the report."""
    pictures = {
        "patch.png": _patches(study, steps["patch"]),
        "success.png": _success(study, steps),
        "looks.png": _looks(study, steps["look"]),
    }
    return {name: render.png(picture) for name, picture in pictures.items()} | {
        "adversarial.json": dumps({name: step.numbers for name, step in steps.items()}).encode(),
        "report.txt": f"{table(study, steps)}\n".encode(),
    }


def table(study: Study, steps: dict[str, Step]) -> str:
    """The figures in lines of text."""
    found, looked = steps["success"].numbers, steps["look"].numbers
    lines = [
        f"share of {found['photos']} unseen photos that are taken for {study.label} "
        f"(without a patch {found['clean']['success']:.1%}; accuracy {found['clean']['right']:.1%}):",
        f"{'area of the photo':<24}" + "".join(f"{area:>8.1%}" for area in found["area"]),
    ]
    lines += [
        f"{title:<24}" + "".join(f"{rate:>8.1%}" for rate in found[name]["success"]) for name, title in _NAMES.items()
    ]
    levels = steps["perturb"].numbers
    lines.append(f"{'gray levels of 255':<24}" + "".join(f"{level:>8}" for level in levels["levels"]))
    lines += [
        f"{name + ' on every pixel':<24}" + "".join(f"{rate['success']:>8.1%}" for rate in levels[name])
        for name in ("fgsm", "pgd")
    ]
    lines.append(
        f"the patch covers {looked['area_of_patch']:.1%} of a photo and has {looked['grad_cam_in_patch']:.1%} of the "
        f"Grad-CAM; of {looked['photos']} photos the peak lies on it in {looked['grad_cam_peak_in_patch']:.0%}, that "
        f"of the occlusion map in {looked['occlusion_peak_covers_patch']:.0%}"
    )
    return "\n".join(lines)


def _pixels(study: Study, patch: np.ndarray) -> np.ndarray:
    photo = np.rint(255 * np.asarray(study.network.denormalize(jnp.asarray(patch[None])))[0]).astype(np.uint8)
    return np.asarray(Image.fromarray(photo).resize((256, 256), Image.Resampling.NEAREST))


def _patches(study: Study, step: Step) -> np.ndarray:
    row = [_pixels(study, step.arrays[name]) for name in _NAMES]
    title = f"{study.config.size} pixels wide, for {study.label}"
    return render.grid([row], rows=[""], cols=list(_NAMES.values()), title=title, cell=2.0)


def _success(study: Study, steps: dict[str, Step]) -> np.ndarray:
    figure = plot.figure(9.0, 3.6)
    left, right = figure.subplots(1, 2, sharey=True)
    found = steps["success"].numbers
    for name, color in zip(_NAMES, ("#b2182b", plot.BAR, plot.FAINT), strict=True):
        left.plot(
            [100 * area for area in found["area"]],
            [100 * rate for rate in found[name]["success"]],
            marker="o",
            color=color,
            label=_NAMES[name],
        )
    low, high = ((study.config.size * scale) ** 2 / _area(study) * 100 for scale in study.config.scales)
    left.axvspan(low, high, color="#b2182b", alpha=0.08, linewidth=0)
    plot.note(left, "made for", ((low + high) / 2, 101), ha="center", color="#b2182b")
    levels = steps["perturb"].numbers
    for name, color in (("pgd", "#b2182b"), ("fgsm", plot.BAR)):
        label = f"{levels['pgd_steps']} steps (PGD)" if name == "pgd" else "one step (FGSM)"
        rates = [100 * rate["success"] for rate in levels[name]]
        right.plot(levels["levels"], rates, marker="o", color=color, label=label)
    right.set_xticks(levels["levels"])
    on = f"{found['photos']} unseen photos"
    plot.style(left, f"A patch, {on}", "area of the patch, % of the photo", f"% taken for {study.label}")
    plot.style(right, f"A change that is hardly seen, {on}", "change of every pixel, gray levels of 255")
    for axes in (left, right):
        axes.set_ylim(-3, 108)
        plot.legend(axes, loc="center right")
    return plot.pixels(figure)


def _area(study: Study) -> int:
    return study.network.input_shape[0] * study.network.input_shape[1]


def _looks(study: Study, step: Step) -> np.ndarray:
    found, rows, labels = step.numbers, [], []
    first_rows, first_cols = (np.array(part) for part in found["corners"])
    window = (found["window"],) * 2
    for place in range(min(_ROWS, found["photos"])):
        photo, pasted = study.unseen.pixels[place], step.arrays["pictures"][place]
        size = photo.shape[:2]
        before, after = (render.upsample(step.arrays[name][place], size) for name in ("clean_cams", "cams"))
        drop = render.spread(step.arrays["drops"][place].astype(np.float64), size, (first_rows, first_cols), window)
        rows.append(
            [
                photo,
                render.overlay(photo, before, render.sequential(before)),
                pasted,
                render.overlay(pasted, after, render.sequential(after)),
                render.overlay(pasted, drop, render.diverging(drop, percentile=100), opacity=0.55),
            ]
        )
        labels.append(f"{_words(found['clean'][place])}\n→ {_words(found['with_patch'][place])}")
    cols = [
        "photo",
        "Grad-CAM of its class",
        "with the patch",
        f"Grad-CAM of\n{study.label}",
        "occlusion: red is needed",
    ]
    return render.grid(rows, rows=labels, cols=cols, title="What the maps look at", cell=1.6)


def _words(label: str) -> str:
    return label.replace("_", " ")
