# SPDX-License-Identifier: Apache-2.0
"""Data sets of synthesised spectra on disk: written once, read as memory maps, trained on again and again."""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import os
import pickle
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
from fsl_mrs_dl.core.storage import writing_to
from fsl_mrs_dl.core.unfinished import claim, key_of, unfinished_folder
from fsl_mrs_dl.core.workers import run_calls
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.synthesiser import SynthesisedBatch, Synthesiser

log = logging.getLogger(__name__)

CHUNK = 1000
"""Spectra drawn at a time; the n-th chunk depends on the seed and on n alone, so that sets of one seed begin alike."""

STREAM = 3
"""Stream of random numbers of data sets, beside those of `fsl_mrs_dl.training.loop`."""

_STAMP, _DONE, _MAKER = "data_set.json", "done.json", "synthesiser.pickle"
"""Files of an unfinished data set: what it is of, how much of it is there, and what its workers make it with."""

_ARRAYS = ("channels", "present", "target", "conc_mm", "scale", "is_brain")


def write_dataset(
    synthesiser: Synthesiser, n: int, seed: int, output: Path, *, overwrite: bool = False, workers: int = 1
) -> None:
    """Synthesise `n` spectra into the folder `output`; goes on with what an interrupted call of the same left.

    The folder holds ``dataset.json`` (recipe, seed, hash of the bank, names of the outputs) and one ``.npy`` array per
    part of `fsl_mrs_dl.synthesise.recipe.SynthesisedBatch`; ``clean.npy`` holds the undisturbed spectra.

    Parameters
    ----------
    synthesiser : Synthesiser
    n, seed : int
    output : Path
    overwrite : bool
        Whether an earlier data set may be replaced.
    workers : int
        Processes; the bytes do not depend on their number.

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
    _fill(synthesiser, n, seed, scratch, workers)
    with new_output_folder(output, overwrite=overwrite) as folder:
        for name in (*_ARRAYS, "clean"):
            _put(scratch / f"{name}.npy", folder)
        write_json(folder / "dataset.json", record)
    shutil.rmtree(scratch)


def _fill(synthesiser: Synthesiser, n: int, seed: int, folder: Path, workers: int) -> None:
    """Write the chunks that are not there."""
    done = _kept(folder, n)
    missing = [number for number in range(-(-n // CHUNK)) if number not in done]
    already = sum(_size(number, n) for number in done)
    if done:
        log.info("%d of %d spectra are there already", already, n)
    pace, made = Pace(n - already), already
    for number in _chunks_made(synthesiser, n, seed, folder, missing, workers):
        done.add(number)
        made += _size(number, n)
        write_json(folder / _DONE, {"chunks": sorted(done)})
        log.info("%d/%d spectra, %s", made, n, pace.after(made - already))


def _chunks_made(
    synthesiser: Synthesiser, n: int, seed: int, folder: Path, missing: list[int], workers: int
) -> Iterator[int]:
    """Write the chunks of these numbers, and yield each number when it is on disk."""
    alone = missing if workers <= 1 or len(missing) <= 2 else missing[:1]
    for number in alone:
        # the first one also shows how large the arrays are
        _write_chunk(synthesiser, n, seed, folder, number)
        yield number
    rest = missing[len(alone) :]
    if not rest:
        return
    # once on disk, instead of once through a pipe with each chunk
    with writing_to(folder):
        (folder / _MAKER).write_bytes(pickle.dumps(synthesiser))
    calls = [(_write_chunk_elsewhere, (n, seed, folder, number)) for number in rest]
    try:
        for index, _ in run_calls(calls, min(workers, len(rest))):
            yield rest[index]
    finally:
        (folder / _MAKER).unlink(missing_ok=True)


def _write_chunk_elsewhere(n: int, seed: int, folder: Path, number: int) -> None:
    """In a worker: write one chunk with the synthesiser that the parent put beside the arrays."""
    _write_chunk(_maker(folder / _MAKER), n, seed, folder, number)


@functools.cache
def _maker(path: Path) -> Synthesiser:
    made: Synthesiser = pickle.loads(path.read_bytes())
    return made


def _size(number: int, n: int) -> int:
    """Spectra of a chunk: the last one may be shorter."""
    return min(CHUNK, n - number * CHUNK)


def _write_chunk(synthesiser: Synthesiser, n: int, seed: int, folder: Path, number: int) -> None:
    """Make one chunk, and write it into its place in the arrays, which are made where there are none."""
    drawn = synthesiser.draw(CHUNK, np.random.default_rng((seed, STREAM, number)))
    batch = synthesiser.render(drawn.rows(slice(0, _size(number, n))), clean=True)
    first = number * CHUNK
    for name in (*_ARRAYS, "clean"):
        part, path = getattr(batch, name), folder / f"{name}.npy"
        with writing_to(path):
            _write_rows(path, part, first, n)


def _write_rows(path: Path, part: NDArray, first: int, n: int) -> None:
    """Write rows into an array of `n`, which is made where there is none.

    Not through a memory map: on a full disk the system ends a process that writes to one, without a word.
    """
    if not path.exists():
        array = np.lib.format.open_memmap(path, mode="w+", dtype=part.dtype, shape=(n, *part.shape[1:]))
        del array
    row_bytes = part.itemsize * int(np.prod(part.shape[1:]))
    with path.open("r+b") as stream:
        stream.seek(-(n - first) * row_bytes, os.SEEK_END)
        stream.write(part.tobytes())
        # on the disk before it is said to be done
        stream.flush()
        os.fsync(stream.fileno())


def _kept(folder: Path, n: int) -> set[int]:
    """Numbers of the chunks that an interrupted call wrote; none, and no arrays, where one cannot be read."""
    paths = [folder / f"{name}.npy" for name in (*_ARRAYS, "clean")]
    try:
        done = {int(number) for number in json.loads((folder / _DONE).read_text("utf-8"))["chunks"]}
        whole = all(len(np.load(path, mmap_mode="r")) == n for path in paths)
    except (OSError, ValueError, KeyError, TypeError):
        done, whole = set(), False
    if whole and done:
        return done
    for path in paths:
        path.unlink(missing_ok=True)
    return set()


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
