"""A study whose merge is an addition of floats, to which the order of additions matters most."""

import dataclasses

import jax.numpy as jnp
import numpy as np

import jaxviz as jv
from jaxviz.dataset._dataset import Examples
from jaxviz.dataset._scan import FINITE, run_scan


@dataclasses.dataclass(frozen=True)
class Sums:
    def batch(self, f, images, labels, valid):
        act = jv.upto(f, "maps")(images)
        total = (act * valid[:, None, None, None]).sum((0, 1, 2))
        return {"total": total, FINITE: jnp.isfinite(act).all((1, 2, 3))}

    def partial(self, outs, batch):
        return {"total": outs["total"].astype(np.float64) ** 1.1, "count": np.array(batch.valid.sum())}

    def merge(self, left, right):
        return {name: left[name] + right[name] for name in left}


def sums(f, images, scan, labels=None):
    return run_scan(f, Sums(), Examples((images, labels)), scan)
