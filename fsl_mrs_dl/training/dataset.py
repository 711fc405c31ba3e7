# SPDX-License-Identifier: Apache-2.0
"""Data sets of synthesised spectra on disk: written once, read as memory maps, trained on again and again."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl import __version__
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.files import check_replaceable, new_output_folder, write_json
from fsl_mrs_dl.core.progress import Pace
from fsl_mrs_dl.core.unfinished import claim, key_of
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.synthesiser import SynthesisedBatch, Synthesiser

log = logging.getLogger(__name__)

CHUNK = 1000
"""Spectra drawn at a time; the n-th chunk depends on the seed and on n alone, so that sets of one seed begin alike."""

STREAM = 3
"""Stream of random numbers of data sets, beside those of `fsl_mrs_dl.training.loop`."""

_STAMP, _DONE = "data_set.json", "done.json"
"""Files of an unfinished data set: what it is of, and how much of it is there."""

_ARRAYS = ("channels", "present", "target", "conc_mm", "scale", "is_brain")


def unfinished_folder(output: Path) -> Path:
    """Where an interrupted `write_dataset` leaves what it has."""
    return output.with_name(output.name + ".partial")


def write_dataset(synthesiser: Synthesiser, n: int, seed: int, output: Path, *, overwrite: bool = False) -> None:
    """Synthesise `n` spectra into the folder `output`; goes on with what an interrupted call of the same left.

    The folder holds ``dataset.json`` (recipe, seed, hash of the bank, names of the outputs) and one ``.npy`` array per
    part of `fsl_mrs_dl.synthesise.recipe.SynthesisedBatch`; ``clean.npy`` holds the undisturbed spectra.

    Raises
    ------
    ConfigError
        When `n` is not positive.
    DataError
        When the folder is there already and `overwrite` is not set.
    """
    if n < 1:
        raise ConfigError("a data set needs at least one spectrum", where="n=", got=n)
    check_replaceable(output, overwrite)
    recipe = synthesiser.recipe
    record = {
        "n": n,
        "seed": seed,
        "outputs": list(recipe.outputs),
        "recipe": dataclasses.asdict(recipe),
        "bank_sha256": synthesiser.bank.digest,
        "fsl_mrs_dl": __version__,
    }
    scratch = unfinished_folder(output)
    claim(scratch, key_of({**record, "chunk": CHUNK}), stamp=_STAMP, what="data set")
    _fill(synthesiser, n, seed, scratch)
    with new_output_folder(output, overwrite=overwrite) as folder:
        for name in (*_ARRAYS, "clean"):
            _put(scratch / f"{name}.npy", folder)
        write_json(folder / "dataset.json", record)
    shutil.rmtree(scratch)


def _fill(synthesiser: Synthesiser, n: int, seed: int, folder: Path) -> None:
    """Write the arrays chunk by chunk, after those that are there."""
    arrays, start = _kept(folder, n)
    if start:
        log.info("%d of %d spectra are there already", start, n)
    pace = Pace(n - start)
    for first in range(start, n, CHUNK):
        rng = np.random.default_rng((seed, STREAM, first // CHUNK))
        drawn = synthesiser.draw(CHUNK, rng)
        batch = synthesiser.render(drawn.rows(slice(0, min(CHUNK, n - first))), clean=True)
        for name in (*_ARRAYS, "clean"):
            part = getattr(batch, name)
            if name not in arrays:
                arrays[name] = np.lib.format.open_memmap(
                    folder / f"{name}.npy", mode="w+", dtype=part.dtype, shape=(n, *part.shape[1:])
                )
            arrays[name][first : first + len(part)] = part
            arrays[name].flush()
        done = first + len(batch.target)
        write_json(folder / _DONE, {"spectra": done})
        log.info("%d/%d spectra, %s", done, n, pace.after(done - start))


def _kept(folder: Path, n: int) -> tuple[dict[str, Any], int]:
    """Arrays of an interrupted call and the number of spectra in them; nothing where one cannot be read."""
    try:
        done = int(json.loads((folder / _DONE).read_text("utf-8"))["spectra"])
        arrays = {name: np.lib.format.open_memmap(folder / f"{name}.npy", mode="r+") for name in (*_ARRAYS, "clean")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}, 0
    return (arrays, done) if all(len(array) == n for array in arrays.values()) else ({}, 0)


def _put(path: Path, folder: Path) -> None:
    """Give a file a second name in `folder`, or a copy of it where the disk knows no second names."""
    try:
        os.link(path, folder / path.name)
    except OSError:
        shutil.copyfile(path, folder / path.name)


@dataclass(frozen=True)
class Dataset:
    """A data set on disk.

    Parameters
    ----------
    folder : Path
    record : mapping
        Content of ``dataset.json``.
    arrays : mapping of str to memory-mapped array
    """

    folder: Path
    record: dict[str, Any]
    arrays: dict[str, NDArray]

    def __len__(self) -> int:
        return int(self.record["n"])

    def rows(self, index: NDArray | slice, *, clean: bool = False) -> SynthesisedBatch:
        """Some of the spectra, in memory."""
        parts = {name: np.array(self.arrays[name][index]) for name in _ARRAYS}
        return SynthesisedBatch(**parts, clean=np.array(self.arrays["clean"][index]) if clean else None)

    def batches(self, size: int, seed: int, first: int, *, clean: bool = False) -> Iterator[SynthesisedBatch]:
        """Endless batches from the `first`-th on, each epoch in an order of its own that `seed` decides."""
        for index in self.order(size, seed, first):
            yield self.rows(index, clean=clean)

    def order(self, size: int, seed: int, first: int) -> Iterator[NDArray]:
        """Which spectra are in each of these batches, ascending."""
        per_epoch = max(1, len(self) // size)
        step = first
        while True:
            epoch, within = divmod(step, per_epoch)
            order = np.random.default_rng((seed, STREAM, epoch)).permutation(len(self))
            for index in range(within, per_epoch):
                yield np.sort(order[index * size : (index + 1) * size])
                step += 1


def open_dataset(folder: Path, recipe: Recipe) -> Dataset:
    """The data set in `folder`.

    Raises
    ------
    DataError
        When it is missing, broken, or has other outputs or another grid than `recipe`.
    """
    path = folder / "dataset.json"
    try:
        record = json.loads(path.read_text("utf-8"))
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in (*_ARRAYS, "clean")}
        outputs, n_points = tuple(record["outputs"]), record["recipe"]["grid"]["n_points"]
        complete = all(len(array) == record["n"] for array in arrays.values())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            "no data set of synthesised spectra here",
            where=folder,
            got=f"{type(error).__name__} {error}",
            hint="Make one with: fsl_mrs_dl dataset CONFIG.toml --output DIR",
        ) from error
    if not complete:
        raise DataError("an array of the data set has the wrong length", where=folder, expected=record["n"])
    if (outputs, n_points) != (recipe.outputs, recipe.grid.n_points):
        raise DataError(
            "the data set has other outputs or another grid than the configuration",
            where=folder,
            expected=f"{', '.join(recipe.outputs)} at {recipe.grid.n_points} points",
            got=f"{', '.join(outputs)} at {n_points} points",
        )
    return Dataset(folder, record, arrays)
