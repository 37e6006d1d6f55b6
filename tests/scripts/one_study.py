"""A study of a moment, for the tests of `scripts.reproduce`: counts its runs, and fails where it is told to."""

import argparse
import json
from pathlib import Path

from PIL import Image

parser = argparse.ArgumentParser()
parser.add_argument("value", type=int)
parser.add_argument("--fail-without", type=Path)
parser.add_argument("--out", type=Path)
given = parser.parse_args()
given.out.mkdir(exist_ok=True)
runs = given.out.with_suffix(".runs")
runs.write_text(f"{int(runs.read_text()) + 1 if runs.exists() else 1}")
if given.fail_without is not None and not given.fail_without.exists():
    raise SystemExit("error: the <reason>")
(given.out / "found.json").write_text(json.dumps({"value": given.value}))
Image.new("RGB", (2000, 4)).save(given.out / "picture.png")
(given.out / "run.json").write_text('{"complete": true}')
