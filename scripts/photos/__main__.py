"""Looks at a folder of photos, and writes the list of them that the studies read.

    python -m scripts.photos folder
    python -m scripts.photos folder --network cifar_small

A folder of photos, given by --photos or JAXVIZ_PHOTOS, is one of these:

  - it has `photos.json`, or `imagenet/photos.json`, a list of `{"file": "cat.jpg", "class": 281, "label": "tabby"}`:
    the file beside the list, the number of its class, and the label of that, of which one is enough;
  - it has a folder for each class, named by its label (`Egyptian_cat`), its number (`285`), or, where all classes are
    there, by its WordNet number (`n02124075`), with photos in it;
  - it has photos alone, for studies that need no classes: invariance, occlude with --grid, maximize.

The studies take all three as they are. This command checks that the classes are those of a network and every photo can
be read, and writes the list, so that a large folder is described once. Photos may be your own, those of ImageNet
(image-net.org, for research), or of any data set with the same classes; nothing is sent anywhere.

Parts of objects, which `scripts.correspondence` compares, stand in `dogs/parts.json` or where --parts says: a list of
`{"file": "pug.jpg", "nose": [224, 215], "left_eye": [280, 160]}`, with the column and the row of the center of each
part, in pixels of the file, the same parts for each photo. They are read off in any viewer that shows coordinates.
"""

from scripts._harness.command import UsageError, checking, start
from scripts.photos.config import Config


def main(config: Config) -> None:
    """Read every photo, then write the list."""
    import models
    from scripts._harness import photo as _photo
    from scripts._harness import photo_folder as _photo_folder
    from scripts._harness.run_folder import dumps
    from scripts._harness.words import unknown

    with checking():
        if config.network not in models.names():
            raise ValueError(unknown("--network", config.network, models.names()))
        if not config.folder.is_dir():
            raise ValueError(f"`FOLDER` must be a folder of photos, got {str(config.folder)!r}: no such folder.")
        labels = models.initialize(config.network).labels
        entries = _photo_folder.entries(config.folder, "FOLDER")
        classes = _photo_folder.classes(entries, labels, config.network, "FOLDER")
        for entry in entries:
            _photo.load(str(entry.path))
    path = entries[0].path.parent / _photo_folder.LIST
    path = path if path.is_file() else config.folder / _photo_folder.LIST
    listed = [
        {"file": entry.path.relative_to(path.parent).as_posix(), "class": number, "label": labels[number]}
        for entry, number in zip(entries, classes, strict=True)
    ]
    content = dumps(listed)
    if path.is_file() and path.read_text("utf-8") != content and not config.replace:
        print(f"  {path} is there and is left as it is; --replace writes it anew")
    else:
        try:
            path.write_text(content, "utf-8")
        except OSError as error:
            raise UsageError(f"`FOLDER` must be one that can be written, got {path}: {error}.") from error
    print(f"  {len(entries)} photos of {len(set(classes))} classes of {config.network}\n\n{path}")


if __name__ == "__main__":
    start(main, Config, __doc__)
