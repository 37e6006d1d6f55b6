"""The benchmarks on a network of a few pixels: what they write, and the README's tables made from it."""

import json

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

import models
from models.network import Spec
from scripts.benchmark import __main__ as benchmark
from scripts.benchmark import config as configs
from scripts.benchmark import methods as _methods
from scripts.benchmark import occlusion as _occlusion
from scripts.benchmark import table as _table
from scripts.benchmark import timing as _timing

CONFIGS = [
    configs.Occlusion(window=3, stride=3, repeats=1, naive_windows=2),
    configs.Approximations(window=3, stride=3, caps=(0.5,), steps=(2,), tolerances=(0.1,), repeats=1),
    configs.Sweep(network="tiny", images=2, windows=(3,), repeats=1),
    configs.Methods(network="tiny", batches=(2,), methods=("saliency", "score_cam"), repeats=1),
    configs.Maximize(network="tiny", layer="conv", batch=2, num_steps=2, size=9, repeats=1),
]


class Tiny(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 4, (3, 3), rngs=rngs)
        self.last = nnx.Linear(4, 300, rngs=rngs)

    def __call__(self, images):
        return self.last(checkpoint_name(jax.nn.relu(self.conv(images)), "conv").mean((1, 2)))


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    labels = tuple(map(str, range(300)))
    network = models.Network.of(Tiny(nnx.Rngs(0)), Spec("tiny", (9, 9, 3), labels, (0.0,)))
    monkeypatch.setattr(_timing, "network_of", lambda name: network)
    monkeypatch.setattr(_timing, "has_captum", lambda: False)
    for module in ("occlusion", "methods"):
        monkeypatch.setattr(f"scripts.benchmark.{module}.has_captum", lambda: False)
    monkeypatch.setattr(
        _methods,
        "_in_a_process",
        lambda config, method, batch, who: _methods.one_method(
            configs.OneMethod("tiny", method, batch, who, config.repeats), network
        ),
    )
    monkeypatch.setattr(_occlusion, "first_calls", lambda config: {"empty cache": 2.0, "filled cache": 1.0})
    monkeypatch.setattr("scripts.benchmark.check._FOLDER", tmp_path)
    return network


@pytest.mark.slow
def test_results_become_tables(tmp_path):
    for config in CONFIGS:
        benchmark.main(config)
    results = {path.name: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert len(results) == len(CONFIGS)
    assert all((tmp_path / name).with_suffix(".png").stat().st_size > 1000 for name in results)
    sweep = results["occlusion-squeezenet-3-3-cpu.json"]
    assert sweep["windows"] == 9
    assert sweep["errors"]["incremental against dense"] < 1e-5
    assert sweep["gigaflop_per_window"]["incremental"] < sweep["gigaflop_per_window"]["dense"]
    approximate = results["approximations-squeezenet-3-3-cpu.json"]["times"]
    assert approximate["GrowthCap(0.5)"]["largest_error"] >= 0
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- benchmark -->\nold\n<!-- /benchmark -->\nafter\n")
    _table.write(tmp_path, readme)
    lines = readme.read_text().splitlines()
    assert "old" not in lines
    assert lines[0] == "before"
    assert lines[-1] == "after"
    assert sum(line.startswith("| squeezenet, 3, 3 | cpu |") for line in lines) == 1
    assert sum(line.startswith("| `GrowthCap(0.5)` |") for line in lines) == 1
    assert sum(line.startswith("| saliency, 2 |") for line in lines) == 1
    assert sum(line.startswith("| ours |") and line.endswith("| 1.00x |") for line in lines) == 1


def test_the_first_call_is_that_of_this_process(tiny, monkeypatch):
    calls = []
    monkeypatch.setattr("jaxviz.occlusion", lambda *args, **options: calls.append(options) or jnp.zeros(()))
    monkeypatch.setattr(_occlusion, "keep_compiled", lambda: None)
    assert _occlusion.first_call(configs.FirstCall(window=3, stride=2), tiny) > 0
    assert calls == [{"window": 3, "stride": 2}]
