"""A network under study: an architecture with its weights, and what is known of its input and output."""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, UInt8
from PIL import Image

from models import _pictures

_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: Rec. 601, as Pillow's mode L


@dataclasses.dataclass(frozen=True)
class Spec:
    """What a network expects and what it answers.

    Attributes:
        name: the network's name in `models.names()`.
        input_shape: height, width and channels of an image.
        labels: class names, in the order of the logits.
        mean: what is subtracted from each channel, in the network's order of channels.
        scale: what a pixel of [0, 1] is multiplied by before that.
        std: what each channel is divided by after that.
        bgr: whether the network's order of channels is blue, green, red.
        resize: pixels of the shorter side before the center is cut out.
        any_size: whether larger images are welcome too.
    """

    name: str
    input_shape: tuple[int, int, int]
    labels: tuple[str, ...]
    mean: tuple[float, ...]
    scale: float = 1.0
    std: tuple[float, ...] = (1.0,)
    bgr: bool = False
    resize: int = 256
    any_size: bool = False


@functools.partial(jax.tree_util.register_dataclass, data_fields=["state"], meta_fields=["graphdef", "spec"])
@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A callable pytree, images to logits: its parameters are leaves and cross `jit` as arguments.

    Example:
        >>> import models, skimage
        >>> network = models.load("squeezenet")
        >>> logits = network(network.preprocess(skimage.data.chelsea()))
        >>> network.labels[int(logits[0].argmax())]
        'Egyptian_cat'
    """

    state: Any
    graphdef: Any
    spec: Spec

    @classmethod
    def of(cls, module: nnx.Module, spec: Spec) -> "Network":
        """The network that an NNX module computes with the weights that it has."""
        graphdef, state = nnx.split(module)
        return cls(state, graphdef, spec)

    @property
    def name(self) -> str:
        """Its name in `models.names()`."""
        return self.spec.name

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of the logits."""
        return self.spec.labels

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return self.spec.input_shape

    def resized(self, size: int) -> "Network":
        """The same network for images of another size, `(size, size, channels)`, such as those of an ascent.

        Raises:
            ValueError: a network with dense layers, which take images of one size alone.
        """
        height, width, channels = self.input_shape
        if not self.spec.any_size and (size, size) != (height, width):
            raise ValueError(f"`size` must be {height} for {self.name}, which has dense layers, got {size}.")
        return dataclasses.replace(self, spec=dataclasses.replace(self.spec, input_shape=(size, size, channels)))

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n k"]:
        """Logits of images in the network's own range.

        Raises:
            ValueError: images of another size or number of channels.
        """
        shape, expected = images.shape, self.input_shape
        fits = len(shape) == 4 and shape[3] == expected[2]
        if self.spec.any_size:
            fits = fits and shape[1] >= expected[0] and shape[2] >= expected[1]
        else:
            fits = fits and shape[1:] == expected
        if not fits:
            least = " or larger" if self.spec.any_size else ""
            raise ValueError(
                f"`images` must have shape (n, {', '.join(map(str, expected))}){least} for {self.name}, got {shape}. "
                "Make them from photos by the network's preprocess."
            )
        return nnx.merge(self.graphdef, self.state)(images)

    def preprocess(self, photo: Any) -> Float[Array, "n h2 w2 c"]:
        """Images in the network's own range: `crop` of each photo, then `normalize`.

        Example:
            >>> network = models.load("squeezenet")
            >>> network.preprocess(["cat.jpg", Image.open("dog.png")])  # doctest: +SKIP

        Args:
            photo: one photo or a list of them, of different sizes if need be: RGB bytes (h, w, 3), gray ones (h, w) or
                (h, w, 1), an image of Pillow's, or the path of a file. Or a batch of bytes (n, h, w, 3). Files and
                Pillow's images are turned upright, and what is transparent in them is shown on white.

        Returns:
            (n, height, width, channels), one image a photo.

        Raises:
            ValueError: a photo has another shape or cannot be read, or there is none.
            TypeError: a photo's entries are not bytes.
        """
        return self.normalize(np.stack([self.crop(each) for each in _pictures.arrays(photo)]) / np.float32(255))

    def crop(self, photo: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h2 w2 c2"]:
        """The photo as large as the network wants it: shorter side resized, the center cut out, still bytes.

        A network of one channel gets the luma of Rec. 601, any other RGB. Bytes take a quarter of the memory of images
        and are what `models.datasets.load` keeps; `normalize` takes them further once they are divided by 255.

        Args:
            photo: RGB, 0 to 255. A gray photo, (h, w) or (h, w, 1), is taken for three equal channels.

        Raises:
            ValueError: the photo has another shape.
            TypeError: the photo's entries are not bytes.
        """
        photo = np.asarray(photo)
        if photo.dtype != np.uint8:
            raise TypeError(f"`photo` must hold uint8, 0 to 255, got {photo.dtype}. Scale and convert it first.")
        if photo.ndim == 2:
            photo = photo[:, :, None]
        if photo.ndim != 3 or photo.shape[2] not in (1, 3) or 0 in photo.shape:
            raise ValueError(f"`photo` must have shape (h, w, 3), got {photo.shape}. Drop an alpha channel first.")
        height, width, channels = self.input_shape
        ratio = max(self.spec.resize / min(photo.shape[:2]), height / photo.shape[0], width / photo.shape[1])
        rows, cols = (
            max(side, math.ceil(size * ratio)) for side, size in zip((height, width), photo.shape, strict=False)
        )
        picture = Image.fromarray(photo[:, :, 0] if photo.shape[2] == 1 else photo)
        picture = picture.convert("L" if channels == 1 else "RGB")
        resized = np.asarray(picture.resize((cols, rows), Image.Resampling.BICUBIC)).reshape(rows, cols, -1)
        top, left = (rows - height) // 2, (cols - width) // 2
        return resized[top : top + height, left : left + width]

    def normalize(self, pixels: Float[Array, "n h w 3"] | Float[np.ndarray, "n h w 3"]) -> Float[Array, "n h w c"]:
        """From RGB in [0, 1] to the network's own range. A network of one channel takes (n, h, w, 1) as well."""
        pixels = jnp.asarray(pixels, jnp.float32)
        if self.input_shape[2] == 1 and pixels.shape[-1] == 3:
            pixels = (pixels @ jnp.array(_LUMA, jnp.float32))[..., None]
        pixels = pixels[..., ::-1] if self.spec.bgr else pixels
        return (pixels * self.spec.scale - jnp.array(self.spec.mean, jnp.float32)) / jnp.array(
            self.spec.std, jnp.float32
        )

    def denormalize(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w 3"]:
        """From the network's own range back to RGB in [0, 1]: three equal channels where the network sees one."""
        pixels = (
            images * jnp.array(self.spec.std, jnp.float32) + jnp.array(self.spec.mean, jnp.float32)
        ) / self.spec.scale
        pixels = jnp.clip(pixels[..., ::-1] if self.spec.bgr else pixels, 0, 1)
        return jnp.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels
