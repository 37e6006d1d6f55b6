"""A headless Chromium for the tests of pages."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator

import pytest

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars"
).split()


@contextlib.contextmanager
def chromium():
    """A Chromium with an empty profile that logs every request it makes."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("needs Debian's packages chromium and chromium-driver")
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in [*FLAGS, f"--user-data-dir={profile}", "about:blank"]:
            options.add_argument(flag)
        browser = Chrome(options=options, service=ChromeService(driver))
        try:
            yield browser
        finally:
            browser.quit()


def size(browser, width: int, height: int, *, scale: float = 1, phone: bool = False, dark: bool = False) -> None:
    """Set the size of the page in CSS pixels: a window itself cannot get as narrow as a phone."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": phone})
    # The browser's own first page may come late and take the focus.
    browser.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})


def requests(browser) -> Iterator[str]:
    """The address of every request since the last call, but for those of the browser's own pages."""
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            if not url.startswith("chrome:"):
                yield url
