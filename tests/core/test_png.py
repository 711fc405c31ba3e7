# SPDX-License-Identifier: Apache-2.0
"""PNG files of our own against Pillow's reading, and against what matplotlib would have written."""

import io

import numpy as np

from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.core.png import png_bytes


def read(source):
    from PIL import Image

    with Image.open(source) as image:
        return np.asarray(image.convert("RGB")), image.info


def test_pixels_come_back():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 4), dtype=np.uint8)
    found, info = read(io.BytesIO(png_bytes(pixels, 150)))
    np.testing.assert_array_equal(found, pixels[:, :, :3])
    np.testing.assert_allclose(info["dpi"], 150, rtol=1e-3)


def test_a_figure_has_the_pixels_of_matplotlib(tmp_path):
    with plain_style():
        figure = new_figure(figsize=(3.3, 2.1))
        figure.subplots().plot([1, 3, 2])
        figure.savefig(tmp_path / "theirs.png", dpi=133)
    save_figure(tmp_path / "ours.png", figure, dpi=133)
    np.testing.assert_array_equal(read(tmp_path / "ours.png")[0], read(tmp_path / "theirs.png")[0])
    assert figure.dpi == 100


def test_other_formats_are_matplotlibs(tmp_path):
    save_figure(tmp_path / "x.svg", new_figure(figsize=(1, 1)), dpi=50)
    assert (tmp_path / "x.svg").read_text().startswith("<?xml")
