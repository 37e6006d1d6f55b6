"""Each variant trained for a short time, several times, and measured as the networks themselves are."""

import sys
import time
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from models import training
from scripts._harness.run_folder import Step
from scripts.architectures.aliasing import measure
from scripts.architectures.study import Study
from scripts.architectures.variants import FORMS, variant


def train(study: Study) -> list[dict[str, Any]]:
    """An entry a variant; those that an interrupted run has left are read."""
    entries = []
    with tqdm(FORMS, unit="variant", file=sys.stderr) as bar:
        for number, name in enumerate(bar):
            bar.set_postfix_str(name)
            step = f"variant-{number:02}"
            found = study.folder.step(step, lambda name=name: Step(_variant(study, name), {}))
            entries.append(found.numbers)
    return entries


def _variant(study: Study, name: str) -> dict[str, Any]:
    start, trained, errors = time.perf_counter(), [], []
    for seed in range(study.config.seeds):
        network = jax.jit(lambda seed=seed: variant(FORMS[name], study.networks[0].spec, seed))()
        key = jax.random.key(seed)
        *_, last = training.train(network, study.recipe, study.train, key=key)
        trained.append(1 - last.accuracy)
        errors.append(1 - training.evaluate(last.network, study.test).accuracy)
        network = last.network
    # What one looks at is the last of them, as one would look at one network.
    layers = measure(network, study.test.images[: study.config.images])
    return {
        "variant": name,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(network)),
        "train_error": round(float(np.mean(trained)), 5),
        "test_error": round(float(np.mean(errors)), 5),
        "test_errors": [round(error, 5) for error in errors],
        "folded": layers[0]["folded"],
        **{key: layers[-1][key] for key in ("layer", "step", "above", "contrast")},
        "seconds": round(time.perf_counter() - start, 1),
    }
