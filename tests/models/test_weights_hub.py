"""Weights from the hub, which a thread on this machine plays."""

import dataclasses
import functools
import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

import models
from models import hub, registry

GOLDEN = Path(__file__).parents[1] / "golden"
PLACE = "/timm/vgg16.tv_in1k/resolve/main/model.safetensors"


class Hub(BaseHTTPRequestHandler):
    content = (GOLDEN / "vgg16_timm.safetensors").read_bytes()

    def do_HEAD(self):
        self.server.asked.append((self.command, self.path))
        known = self.path.split("?")[0].replace("0" * 40, "main") == PLACE
        self.send_response(200 if known else 404)
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("ETag", f'"{hashlib.sha256(self.content).hexdigest()}"')
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        return known

    def do_GET(self):
        if self.do_HEAD():
            self.wfile.write(self.server.sent)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        server.asked, server.sent = [], Hub.content
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        address = f"http://127.0.0.1:{server.server_port}"
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    entry = registry._NETWORKS["vgg16"]
    module = functools.partial(entry.module, num_classes=10, width=1 / 64)
    monkeypatch.setitem(registry._NETWORKS, "vgg16", dataclasses.replace(entry, module=module))


def test_weights_are_fetched_once_and_are_those_of_the_file(server):
    network = models.load("vgg16", "hub")
    assert sum(asked[0] == "GET" and asked[1].endswith(hub.FILE) for asked in server.asked) == 1
    expected = models.load("vgg16", GOLDEN / "vgg16_torchvision.pth")
    np.testing.assert_array_equal(network.state["fc1"]["kernel"][...], expected.state["fc1"]["kernel"][...])

    server.asked.clear()
    models.load("vgg16", "hub")
    assert not server.asked


def test_a_cached_file_that_has_changed_is_refused(server):
    models.load("vgg16", "hub")
    path, sha256 = hub.fetch("timm/vgg16.tv_in1k")
    assert sha256 == hashlib.sha256(Hub.content).hexdigest()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.resolve().write_bytes(content)
    with pytest.raises(ValueError, match=f"`weights` must be the file with the checksum {sha256}"):
        models.load("vgg16", "hub")


def test_a_download_that_is_not_what_the_hub_promised_is_refused(server):
    server.sent = Hub.content[:-1] + b"?"
    with pytest.raises(ValueError, match="`weights` must be the file with the checksum"):
        models.load("vgg16", "hub")


@pytest.mark.slow
def test_a_connection_that_breaks_off_leaves_nothing_behind(server):
    server.sent = Hub.content[:1000]
    with pytest.raises(ConnectionError, match="1000 bytes, expected 69812"):
        models.load("vgg16", "hub")
    server.sent = Hub.content
    models.load("vgg16", "hub")


def test_without_the_hub_it_is_said_what_to_download(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    address = "Download https://huggingface.co/timm/vgg16.tv_in1k/resolve/main/model.safetensors where there is a"
    with pytest.raises(ConnectionError, match=re.escape(address)):
        models.load("vgg16", "hub")


def test_a_network_that_the_hub_does_not_hold_says_where_its_weights_are():
    with pytest.raises(ValueError, match=r"not on the hub, got 'hub'\. Give a file, such as https://.*/alexnet-owt-"):
        models.load("alexnet", "hub")
