"""A study of a moment, for the tests of `scripts.reproduce`: counts its runs, and fails where it is told to."""

import argparse
import json
from pathlib import Path

from PIL import Image


def main(value: int, out: Path, fail_without: Path | None) -> None:
    """What a study leaves behind."""
    out.mkdir(exist_ok=True)
    runs = out.with_suffix(".runs")
    runs.write_text(f"{int(runs.read_text()) + 1 if runs.exists() else 1}")
    if fail_without is not None and not fail_without.exists():
        raise SystemExit("error: the <reason>")
    Image.new("RGB", (2000, 4)).save(out / "picture.png")
    (out / "run.json").write_text(json.dumps({"complete": True, "headline": f"measured {value}"}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("value", type=int)
    parser.add_argument("--fail-without", type=Path)
    parser.add_argument("--out", type=Path)
    main(**vars(parser.parse_args()))
