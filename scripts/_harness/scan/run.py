"""A run of several passes over a data set: each is a step, saved as it goes, in one process or in many."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from tqdm import tqdm

import jaxviz as jv
import models
from jaxviz.dataset import allgather_bytes
from scripts._harness.clock import Clock
from scripts._harness.command import UsageError
from scripts._harness.depends import of_network
from scripts._harness.run_folder import RunFolder, Step, file_name, free, load, plain, say
from scripts._harness.scan.data import Data, Normalized
from scripts._harness.scan.options import Scanning
from scripts._harness.versions import versions

_SCANS = "scans"


class Run:
    """The folder of a run, and the one bar of all of its passes.

    All processes compute, the first of them writes.

    Args:
        name: of the script and the network, for a folder under runs/.
        settings: what the results depend on.
        options: of the scans.
        images: that all steps together have to do with.

    Raises:
        UsageError: the folder is another run's.
    """

    def __init__(self, name: str, settings: dict[str, Any], options: Scanning, images: int):
        self.leads = jax.process_index() == 0
        self._options, self._step, self._clock = options, "", Clock()
        self.path, self._finished = self._agreed(name, settings)
        if self.leads:
            count = (options.devices or jax.local_device_count()) * jax.process_count()
            say({**settings, "devices": f"{count} {jax.devices()[0].device_kind}"})
        # A small part of the past, so that the rate is that of the step at hand.
        self._bar = tqdm(total=images, unit="image", smoothing=0.1, disable=not self.leads)

    def _agreed(self, name: str, settings: dict[str, Any]) -> tuple[Path, frozenset[str]]:
        """Folder and finished steps as the first process sees them: the others must do what it does."""
        message: dict[str, Any] = {}
        if self.leads:
            try:
                self._folder = RunFolder(self._options.out or free(Path("runs") / name, settings), settings, versions())
                if not self._folder.resumed:
                    shutil.rmtree(self._folder.path / _SCANS, ignore_errors=True)
                message = {"path": str(self._folder.path), "finished": self._folder.steps()}
            except UsageError as error:
                message = {"error": str(error)}
        message = json.loads(allgather_bytes(json.dumps(message).encode())[0])
        if "error" in message:
            raise UsageError(message["error"])
        return Path(message["path"]), frozenset(message["finished"])

    def step(self, name: str, images: int, measure: Callable[[], Step]) -> Step:
        """What `measure` finds, or has found before the run was interrupted.

        Args:
            name: of the step.
            images: that it has to do with.
            measure: may call `scan` for each of its passes over the data, and `tick`.
        """
        self._bar.set_description(name)
        self._step, before = name, self._bar.n
        if name in self._finished:
            step = load(self.path, name)
        else:
            try:
                with self._clock(name):
                    step = measure()
            except ValueError as error:
                # The user's data, and no mistake of ours.
                if not str(error).startswith("`dataset` must hold"):
                    raise
                text = str(error).replace("`dataset`", "`--data`").replace("skip_corrupt=True", "--skip-corrupt")
                raise UsageError(text) from error
            if self.leads:
                self._folder.save(name, step)
                # Of this step alone: another process may have begun with the next one.
                shutil.rmtree(self.path / _SCANS / file_name(name), ignore_errors=True)
        self._bar.update(before + images - self._bar.n)
        return step

    def tick(self, images: int) -> None:
        """Say that so many more are done."""
        self._bar.update(images)

    def scan(self, name: str, spec: models.Spec) -> jv.dataset.Scan:
        """The options of a pass over the data, its name one that no other pass of the step has."""
        before = 0

        def progress(done: int, total: int) -> None:
            nonlocal before
            del total
            # A study may go over the data several times: each pass begins anew.
            self._bar.update((done - min(before, done)) * jax.process_count())
            before = done

        options = self._options
        return jv.dataset.Scan(
            batch_size=options.batch_size,
            devices=options.devices,
            preprocess=Normalized(spec),
            resume=self.path / _SCANS / file_name(self._step) / name,
            save_every=options.save_every,
            skip_corrupt=options.skip_corrupt,
            progress=progress,
        )

    def finish(
        self, files: Callable[[], dict[str, bytes]], headline: Callable[[], str], text: Callable[[], str], clock: Clock
    ) -> None:
        """Draw, write what was drawn and the page, mark the end, and print what was found."""
        self._bar.close()
        if not self.leads:
            return
        clock.include(self._clock)
        shutil.rmtree(self.path / _SCANS, ignore_errors=True)
        self._folder.finish(files, headline, text, clock)


def settings(script: str, config: Any, network: models.Network, data: Data, **resolved: Any) -> dict[str, Any]:
    """All that the result depends on, for JSON: the arguments, and what they led to."""
    own = {key: value for key, value in dataclasses.asdict(config).items() if key != "scan"}
    run = {"script": script, **own, "weights": of_network(network), "data": data.name, "split": data.split}
    size = jv.dataset.Scan(batch_size=config.scan.batch_size).size(data.size)
    run |= {"images": data.size, "sha256": data.sha256, "batch_size": size, **resolved}
    run["skip_corrupt"] = config.scan.skip_corrupt
    return plain(run)
