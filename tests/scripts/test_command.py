"""How a script starts, and how it ends: by Ctrl-C, once and twice, and where nobody reads on."""

import dataclasses
import os
import re
import signal
import subprocess
import sys

import pytest

from scripts._harness.command import start


@dataclasses.dataclass(frozen=True)
class Nothing:
    """Nothing to say."""


SCRIPT = """if True:
    import dataclasses, sys, time
    from scripts._harness.command import start

    @dataclasses.dataclass(frozen=True)
    class Config:
        \"\"\"Nothing.\"\"\"

    def wait(word):
        print(word, flush=True)
        time.sleep(60)

    def interrupted(config):
        try:
            wait("works")
        finally:
            if sys.argv[0] == "twice":
                wait("cleans up")

    def printing(config):
        for _ in range(100_000):
            print("a line")

    def wrong(config):
        raise ValueError("ours")

    mains = {"once": interrupted, "twice": interrupted, "prints": printing, "wrong": wrong}
    sys.argv = sys.argv[1:]
    start(mains[sys.argv[0]], Config, "Does little.", tuned=False)
"""


def begun(name):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_cpu_is_several_devices_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(sys, "argv", ["script"])
    for flags, count in (("", 2), ("--xla_force_host_platform_device_count=3", 3)):
        monkeypatch.setenv("XLA_FLAGS", flags)
        start(lambda config: None, Nothing, "Nothing.", cpu_devices=4)
        assert re.findall(r"device_count=(\d+)", os.environ["XLA_FLAGS"]) == [str(count)]


@pytest.mark.parametrize("name", ["once", "twice"])
def test_a_script_is_interrupted_with_one_line(name):
    with begun(name) as process:
        assert process.stdout is not None
        for word in ("works", "cleans up")[: 1 + (name == "twice")]:
            assert process.stdout.readline() == f"{word}\n"
            process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error == "interrupted. The same command goes on from here.\n"


def test_whoever_has_seen_enough_leaves_no_traceback():
    with begun("prints") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "a line\n"
        process.stdout.close()
        error = process.stderr.read()
    assert (process.returncode, error) == (0, "")


def test_an_error_of_ours_keeps_its_traceback():
    with begun("wrong") as process:
        _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" in error
    assert error.endswith("ValueError: ours\n")
