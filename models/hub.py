"""Weights from the Hugging Face hub: fetched once, with a progress bar, and checked each time that they are read.

The hub's own cache is used (`$HF_HOME`, `~/.cache/huggingface` where it is not set), so that what timm has downloaded
is not downloaded again. It names a file by the SHA-256 that the hub keeps of it, which `models.load` compares.

References:
    Hugging Face, [Understand caching](https://huggingface.co/docs/huggingface_hub/guides/manage-cache), "Blobs".
"""

import re
from pathlib import Path

FILE = "model.safetensors"


def fetch(repository: str) -> tuple[Path, str | None]:
    """The file of weights in a repository such as `timm/vgg16.tv_in1k`, from the cache if it is there.

    Returns:
        Its path, and the checksum that it must have. None where the file system has no links: there the cache forgets.

    Raises:
        ConnectionError: it is not cached, and the hub cannot be reached or does not give it. The text has its address.
    """
    from huggingface_hub import constants, hf_hub_download, hf_hub_url

    # From there, because it is another package's in every release of the hub's.
    from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError  # pyright: ignore[reportPrivateImportUsage]

    try:
        try:
            path = Path(hf_hub_download(repository, FILE, local_files_only=True))
        except LocalEntryNotFoundError:
            path = Path(hf_hub_download(repository, FILE))
    except (OSError, HTTPError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ConnectionError(
            f"`weights` must be in {constants.HF_HUB_CACHE}, or the hub within reach, got neither for {repository}: "
            f"{reason}. Download {hf_hub_url(repository, FILE)} where there is a connection, put it anywhere, and give "
            "its path instead of 'hub'."
        ) from error
    blob = path.resolve().name
    return path, blob if re.fullmatch("[0-9a-f]{64}", blob) else None
