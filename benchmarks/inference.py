# SPDX-License-Identifier: Apache-2.0
"""How long an answer takes, beside the fits that it replaces.

``python benchmarks/inference.py`` prints, and asserts nothing:

- ``batch``: the network alone on many data sets at once, one and two processes of one thread;
- ``fit``: ``fsl_mrs_dl fit`` of an averaged pair, a new process each time, and what a bare import of numpy takes;
- ``fsl_mrs``: ``fsl_mrs --report --h2o`` with ``--algo dl`` and ``--algo Newton``, alternately, on the example as
  FSL-MRS preprocesses it (in an environment with FSL-MRS, else skipped); processor time beside the clock's, for what
  else the machine does counts less in it;
- ``fsl_mrsi``: one voxel's estimate and fit by either method, without FSL-MRS's start and its files;
- ``startup``: ``python -c pass`` with and without the hook that FSL-MRS needs, alternately.

Name some of these to run only them. Every process uses one thread. Times are medians of alternating repeats.
"""

from __future__ import annotations

# ruff: noqa: E402 (the variables below are read when numpy is first imported)
import argparse
import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import contextlib
import importlib.util
import io
import multiprocessing
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples"
WATER = ["--wref_metabolite", "NAA", "--ref_protons", "3", "--ref_int_limits", "1.8", "2.2", "--h2o_scale", "2"]


def wall(command: Sequence[object], **environment: str) -> float:
    """Seconds that a program takes; an error of it ends the benchmark."""
    # an installed package has its bytecode
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env={**own, "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return time.perf_counter() - start


def alternate(jobs: dict[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Median of each job's seconds; they take turns, so that what else the machine does meets all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            seconds[name].append(job())
    return {name: statistics.median(values) for name, values in seconds.items()}


def _many(n: int) -> float:
    from fsl_mrs_dl.models.calibrated import load_model

    model = load_model(None)
    rng = np.random.default_rng(0)
    size = 256
    channels = rng.normal(size=(size, 4, model.folder.grid.n_points)).astype(np.float32)
    present = np.ones((size, 2), np.float32)
    scale = np.ones(size)
    model.predict_batch(channels, present, scale)
    start = time.perf_counter()
    for _ in range(n // size):
        model.predict_batch(channels, present, scale)
    return n / (time.perf_counter() - start)


def batch() -> None:
    """The network alone."""
    n = 4096
    alone = _many(n)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        both = sum(pool.map(_many, [n, n]))
    print(f"network in batches of 256: {alone:.0f} data sets/s in one process, {both:.0f} in two")


def fit() -> None:
    """One averaged pair from the command line."""
    with tempfile.TemporaryDirectory() as scratch:
        from fsl_mrs_dl.io.nifti import write_spectrum
        from fsl_mrs_dl.preprocess.load import load

        spectra = load(EXAMPLE / "megapress_raw.nii.gz").spectra
        pair = Path(scratch) / "pair.nii.gz"
        fids = np.stack([spectra.edit_off, spectra.edit_on])
        write_spectrum(pair, fids, dwell_s=spectra.dwell_s, f0_mhz=spectra.f0_mhz, dims=("DIM_EDIT", None, None))
        command = [
            sys.executable,
            "-m",
            "fsl_mrs_dl",
            "fit",
            "--data",
            pair,
            "--output",
            Path(scratch) / "out",
            "--overwrite",
        ]
        found = alternate(
            {
                "fit": lambda: wall(command),
                "with --report": lambda: wall([*command, "--report"]),
                "import numpy, scipy, nibabel": lambda: wall([sys.executable, "-c", "import numpy, scipy, nibabel"]),
            },
            7,
        )
    print("fsl_mrs_dl " + ", ".join(f"{name} {value:.2f} s" for name, value in found.items()))


def _example(folder: Path) -> tuple[Path, Path]:
    """The example by fsl_mrs_preproc_edit, and the shipped DIFF basis as FSL-MRS reads it."""
    from fsl_mrs_dl.basis.files import load_line_basis, write_fsl_basis
    from fsl_mrs_dl.core.resources import basis_folder

    wall(
        [
            *_fsl("fsl_mrs_preproc_edit"),
            "--data",
            EXAMPLE / "megapress_raw.nii.gz",
            "--reference",
            EXAMPLE / "water_reference.nii.gz",
            "--output",
            folder / "pp",
        ]
    )
    write_fsl_basis(folder / "basis", load_line_basis(next(basis_folder().glob("mega_press_te68_127*/lines.npz"))))
    return folder / "pp", folder / "basis" / "diff"


def _fsl(program: str) -> list[str]:
    return [sys.executable, "-m", "fsl_mrs_dl", "fsl", program]


def fsl_mrs() -> None:
    """The whole command by two methods."""
    with tempfile.TemporaryDirectory() as scratch:
        data, basis = _example(Path(scratch))

        processor: dict[str, list[float]] = {"dl": [], "Newton": []}

        def job(method: str) -> float:
            out = Path(scratch) / method
            shutil.rmtree(out, ignore_errors=True)
            before = sum(os.times()[2:4])
            seconds = wall(
                [
                    *_fsl("fsl_mrs"),
                    "--data",
                    data / "diff.nii.gz",
                    "--basis",
                    basis,
                    "--output",
                    out,
                    "--algo",
                    method,
                    "--report",
                    "--h2o",
                    data / "wref.nii.gz",
                    *WATER,
                ]
            )
            processor[method].append(sum(os.times()[2:4]) - before)
            return seconds

        found = alternate({"dl": lambda: job("dl"), "Newton": lambda: job("Newton")}, 5)
    used = {method: statistics.median(seconds) for method, seconds in processor.items()}
    for what, seconds in (("", found), (", processor", used)):
        ratio = seconds["dl"] / seconds["Newton"]
        print(f"fsl_mrs --report --h2o{what}: dl {seconds['dl']:.1f} s, Newton {seconds['Newton']:.1f} s, {ratio:.2f}")


def fsl_mrsi() -> None:
    """A voxel's time, without FSL-MRS's start and its files."""
    import importlib

    fitting = importlib.import_module("fsl_mrs.utils.fitting")
    mrs_io = importlib.import_module("fsl_mrs.utils.mrs_io")
    from fsl_mrs_dl.fsl_plugin.hook import install

    install(fitting)
    with tempfile.TemporaryDirectory() as scratch:
        data, folder = _example(Path(scratch))
        basis = mrs_io.read_basis(str(folder))

        def job(method: str) -> float:
            mrs = mrs_io.read_FID(str(data / "diff.nii.gz")).mrs(basis=basis)
            mrs.FID = -mrs.FID  # the example's raw file has ON first
            mrs.processForFitting()
            start = time.perf_counter()
            fitting.fit_FSLModel(mrs, method=method, ppmlim=(0.2, 4.2), baseline_order=2)
            return time.perf_counter() - start

        with contextlib.redirect_stderr(io.StringIO()):
            job("dl")
            found = alternate({"dl": lambda: job("dl"), "Newton": lambda: job("Newton")}, 5)
    print(
        f"one voxel: dl {found['dl']:.2f} s, Newton {found['Newton']:.2f} s, ratio {found['dl'] / found['Newton']:.2f}"
    )


def startup() -> None:
    """What the hook adds to the start of every Python: two environments that differ in nothing else."""
    import venv

    with tempfile.TemporaryDirectory() as scratch:
        pythons = {}
        for name in ("without", "with"):
            venv.create(Path(scratch) / name, symlinks=True)
            pythons[name] = Path(scratch) / name / "bin" / "python"
        site = next((Path(scratch) / "with").glob("lib/python*/site-packages"))
        shutil.copyfile(ROOT / "fsl_mrs_dl/fsl_plugin/start.py", site / "_fsl_mrs_dl_start.py")
        shutil.copyfile(ROOT / "fsl_mrs_dl/fsl_plugin/site/fsl_mrs_dl.pth", site / "fsl_mrs_dl.pth")
        found: dict[str, list[float]] = {name: [] for name in pythons}
        for _ in range(100):
            for name, python in pythons.items():
                found[name].append(wall([python, "-c", "pass"]))
        extra = statistics.median(b - a for a, b in zip(found["without"], found["with"], strict=True))
        plain = statistics.median(found["without"])
    print(f"start of Python: {1e3 * plain:.1f} ms without the hook, {1e3 * extra:+.2f} ms with it")


PARTS = {"batch": batch, "fit": fit, "fsl_mrs": fsl_mrs, "fsl_mrsi": fsl_mrsi, "startup": startup}


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    named = parser.parse_args().parts or list(PARTS)
    for name in named:
        if name not in PARTS:
            parser.error(f"there is no part '{name}'")
        if name.startswith("fsl") and importlib.util.find_spec("fsl_mrs") is None:
            print(f"{name}: skipped, FSL-MRS is not installed")
            continue
        PARTS[name]()


if __name__ == "__main__":
    main()
