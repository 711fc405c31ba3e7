# SPDX-License-Identifier: Apache-2.0
"""Error against quality figure: the curves from which the thresholds of the flags were read.

``python studies/flag_curves.py ../shared/data docs/flag_curves.png``: the virtual brains (and every fifth phantom
with GABA) are given one fault at a time, at rising levels, and quantified again; the error is the change of GABA+
(GABA of phantoms) over the reference against the undisturbed data set, beside the figure that the flag rests on. What
an editing pulse off its frequency costs is simulated. Takes about five minutes on one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.core.data import Acquisition, EditedSpectra
from fsl_mrs_dl.core.units import ppm_to_hz, time_axis
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.physics.sequences import MegaPress
from fsl_mrs_dl.physics.simulate import simulate_metabolite, voigt_decay
from fsl_mrs_dl.physics.spins import load_system
from fsl_mrs_dl.preprocess.align import apply_alignment
from fsl_mrs_dl.preprocess.pipeline import LARGE_DRIFT_HZ, preprocess
from fsl_mrs_dl.preprocess.water import remove_water
from fsl_mrs_dl.quantify.limits import LIMITS
from fsl_mrs_dl.quantify.quantify import quantify
from fsl_mrs_dl.quantify.result import Quantification

BANDS = 6
Point = tuple[float, float, float]
"""Figure, share of the residual, relative change of GABA+."""


def gaba(result: Quantification) -> float | None:
    """GABA+ (GABA where there is no macromolecule) over the reference."""
    ratios = {e.name: e.value for e in result.ratios()}
    return ratios.get("GABA+", ratios.get("GABA"))


def pair(spectra: EditedSpectra, change: Callable[[NDArray, NDArray], tuple[NDArray, NDArray]]) -> EditedSpectra:
    """The spectra with OFF and ON changed."""
    assert spectra.edit_off is not None
    assert spectra.edit_on is not None
    off, on = change(spectra.edit_off, spectra.edit_on)
    return dataclasses.replace(spectra, edit_off=off, edit_on=on, diff=on - off)


def residue(_acq: Acquisition, clean: EditedSpectra, rng: np.random.Generator) -> Iterator[EditedSpectra]:
    """ON moved by frequency and phase after alignment."""
    for level in (0.2, 0.5, 1.0, 1.5, 2.5):
        hz, rad = level * rng.uniform(-1, 1), 0.12 * level * rng.uniform(-1, 1)
        yield pair(clean, lambda off, on, hz=hz, rad=rad: (off, apply_alignment(on, clean.dwell_s, hz, rad)))


def lipid(_acq: Acquisition, clean: EditedSpectra, rng: np.random.Generator) -> Iterator[EditedSpectra]:
    """Fat at 1.3 and 0.9 ppm in both conditions, up to a tenth more in one of them."""
    assert clean.edit_off is not None
    time_s = time_axis(clean.n_points, clean.dwell_s)
    start = float(np.abs(clean.edit_off[:8]).mean())
    for level in (0.1, 0.3, 0.7, 1.5, 3.0):
        fat = sum(
            level
            * start
            * share
            * np.exp(2j * np.pi * ppm_to_hz(ppm, clean.f0_mhz) * time_s)
            * voigt_decay(time_s, 10.0, rng.uniform(15, 35))
            for ppm, share in ((1.3, 1.0), (0.9, 0.4), (2.05, 0.1))
        )
        more = 1 + 0.1 * rng.uniform(-1, 1)
        yield pair(clean, lambda off, on, fat=fat, more=more: (off + fat, on + more * fat))


def water(acq: Acquisition, _clean: EditedSpectra, _rng: np.random.Generator) -> Iterator[EditedSpectra]:
    """The residual water of the file itself, many times over, through the whole of preprocessing."""
    parts = [remove_water(fid, acq.dwell_s, acq.f0_mhz) for fid in acq.fids[:, 0, 0]]
    for times in (3.0, 10.0, 30.0, 100.0, 300.0):
        fids = np.stack([part.fid + times * part.water_fid for part in parts])[:, None, None]
        yield preprocess(dataclasses.replace(acq, fids=fids)).spectra


def width(_acq: Acquisition, clean: EditedSpectra, rng: np.random.Generator) -> Iterator[EditedSpectra]:
    """Lines broadened by a Gaussian, noise as it was."""
    time_s = time_axis(clean.n_points, clean.dwell_s)
    for gauss_hz in (3.0, 6.0, 9.0, 12.0, 16.0):
        shape = voigt_decay(time_s, 0.0, gauss_hz)
        yield clean.map(lambda fid, shape=shape: fid * shape + _noise_of(fid, rng) * np.sqrt(1 - shape**2))


def noise(_acq: Acquisition, clean: EditedSpectra, rng: np.random.Generator) -> Iterator[EditedSpectra]:
    """White noise on OFF and ON."""
    assert clean.edit_off is not None
    start = float(np.abs(clean.edit_off[:8]).mean())
    for level in (0.1, 0.2, 0.4, 0.8, 1.6):
        more = [level * start * _white(clean.n_points, rng) for _ in range(2)]
        yield pair(clean, lambda off, on, more=more: (off + more[0], on + more[1]))


def _white(n: int, rng: np.random.Generator) -> NDArray:
    return (rng.standard_normal(n) + 1j * rng.standard_normal(n)) / np.sqrt(2)


def _noise_of(fid: NDArray, rng: np.random.Generator) -> NDArray:
    tail = fid[3 * len(fid) // 4 :]
    return float(np.sqrt(np.mean(np.abs(tail) ** 2))) * _white(len(fid), rng)


FAULTS: dict[str, tuple[Callable[..., Iterator[EditedSpectra]], str, float, str]] = {
    "subtraction_artefact": (residue, "diff_residue", LIMITS.residue, "residue at choline in DIFF / highest line"),
    "lipid": (lipid, "lipid_ratio", LIMITS.lipid, "lipid at 1.3 ppm / highest line"),
    "water_suppression_poor": (water, "water_ratio", LIMITS.water, "residual water / highest line"),
    "broad_lines": (width, "fwhm_ppm", LIMITS.width_ppm, "line width / ppm"),
    "low_snr": (noise, "snr", 15.0, "signal to noise"),
}
"""Flag: how its fault is made, the figure that it rests on, its threshold, and the axis's label."""


def cases(folder: Path) -> list[Path]:
    """The virtual brains, and phantoms that hold GABA."""
    truth = json.loads((folder / "phantom_dev" / "truth.json").read_text("utf-8"))
    solutions = [t["id"] for t in truth if t["conc_mm"].get("GABA", 0) > 2]
    return [
        *sorted((folder / "invivo_dev").glob("*.nii.gz")),
        *(folder / "phantom_dev" / f"{name}.nii.gz" for name in solutions[::5]),
    ]


def measure(paths: list[Path], rng: np.random.Generator) -> dict[str, list[Point]]:
    """Points of every fault, the undisturbed data sets among them (change 0)."""
    points: dict[str, list[Point]] = {code: [] for code in FAULTS}
    refused = 0
    for path in paths:
        acq = read_acquisition(path)
        clean = preprocess(acq).spectra
        before = quantify(clean)
        reference = gaba(before)
        if not reference:
            continue
        for code, (make, figure, _, _) in FAULTS.items():
            for spectra in [clean, *make(acq, clean, rng)]:
                after = before if spectra is clean else quantify(spectra)
                value = gaba(after)
                found: dict[str, Any] = {
                    **after.fit_parameters,
                    "fwhm_ppm": after.fit_parameters["fwhm_hz"] / acq.f0_mhz,
                }
                refused += after.refused
                change = float("nan") if value is None else value / reference - 1
                points[code].append((found[figure], found["residual_ratio_known"], change))
        print(path.name, flush=True)
    print(f"{refused} disturbed data sets were refused")
    return points


def editing() -> tuple[NDArray, NDArray, NDArray]:
    """Offset of the editing pulse in ppm, share of NAA left in ON, and GABA's edited area relative to its largest."""
    grid, dwell_s, n = PpmGrid(), 5e-4, 2048
    decay = np.exp(-np.pi * 4 * time_axis(n, dwell_s))
    base = MegaPress(f0_mhz=127.75)
    offsets = np.linspace(-0.4, 0.4, 17)
    left, edited = [], []
    for offset in offsets:
        sequence = dataclasses.replace(base, edit_on_ppm=1.9 + float(offset), refocusing="ideal", excitation="ideal")
        area = {}
        for name, low, high in (("NAA", 1.9, 2.1), ("GABA", 2.85, 3.15)):
            made = simulate_metabolite(load_system(name), sequence)
            inside = (grid.ppm > low) & (grid.ppm < high)
            area[name] = [
                float(grid.evaluate(lines.fid(n, dwell_s) * decay, dwell_s, sequence.f0_mhz).real[inside].sum())
                for lines in (made.edit_off, made.edit_on)
            ]
        left.append(area["NAA"][1] / area["NAA"][0])
        edited.append(area["GABA"][1] - area["GABA"][0])
    return offsets, np.array(left), np.array(edited) / max(edited)


def drift_loss(offsets: NDArray, edited: NDArray, f0_mhz: float, drift_hz: NDArray) -> tuple[NDArray, NDArray]:
    """GABA that is left when the frequency drifts: evenly about the pulse, and away from it to the worse side."""
    both, away = [], []
    for span in drift_hz / f0_mhz:
        part = np.linspace(0, span, 101)
        both.append(np.interp(part - span / 2, offsets, edited).mean())
        away.append(np.interp(-part, offsets, edited).mean())
    return np.array(both), np.array(away)


@plain_style()
def draw(points: dict[str, list[Point]], simulated: tuple[NDArray, NDArray, NDArray], target: Path) -> None:
    """The figure, and the numbers at the thresholds on the console."""
    figure = new_figure(figsize=(13, 9.5), layout="constrained")
    axes = figure.subplots(3, 3).ravel()
    print(
        f"{'flag':24s} {'threshold':>9s} {'below: n':>8s} {'median':>7s} {'90 %':>7s} {'above: n':>9s} {'median':>7s}"
        f" {'90 %':>7s}   |change| of GABA+ in %"
    )
    panels = [(code, [(x, y) for x, _, y in points[code]], *FAULTS[code][2:]) for code in FAULTS]
    every = [(left, y) for code in FAULTS for _, left, y in points[code]]
    panels.append(("refused", every, LIMITS.refuse_fit, "share that no metabolite explains"))
    for axis, (code, found, threshold, label) in zip(axes, panels, strict=False):
        x, y = np.array(found).T
        y = 100 * np.abs(y)
        known = np.isfinite(y)
        axis.plot(np.maximum(x[known], 1e-4), np.maximum(y[known], 0.1), ".", color="0.6", ms=4)
        edges = np.quantile(x[known], np.linspace(0, 1, BANDS + 1))
        bands = [known & (x >= a) & (x <= b) for a, b in itertools.pairwise(edges)]
        centres = [np.median(x[b]) for b in bands]
        for share, style in ((0.5, "o-"), (0.9, "s--")):
            axis.plot(
                np.maximum(centres, 1e-4),
                [max(np.quantile(y[b], share), 0.1) for b in bands],
                style,
                ms=4,
                label="median" if share == 0.5 else "90 %",
            )
        axis.axvline(threshold, color="tab:red", lw=1)
        axis.set(xscale="log", yscale="log", xlabel=label, ylabel="change of GABA+ / %", title=code)
        worse = x < threshold if code == "low_snr" else x > threshold
        sides = [known & ~worse & (y > 0), known & worse]
        text = " ".join(
            f"{s.sum():8d} {np.median(y[s]):7.1f} {np.quantile(y[s], 0.9):7.1f}" if s.any() else f"{0:8d} {'':15s}"
            for s in sides
        )
        print(f"{code:24s} {threshold:9.3g} {text}")
    most = LIMITS.refuse_fit
    left_over = np.array([(left, abs(y)) for left, y in every if np.isfinite(y) and 0.03 < left <= most])
    middle, most_of = 100 * np.quantile(left_over[:, 1], (0.5, 0.9))
    print(
        f"{len(left_over)} data sets with 3 to {100 * most:.0f} % unexplained: |change| median {middle:.0f} %, "
        f"90 % {most_of:.0f} %"
    )
    axes[0].legend(fontsize=8)
    offsets, left, edited = simulated
    axes[6].plot(100 * left, 100 * (1 - edited), ".-")
    axes[6].axvline(100 * LIMITS.naa_left, color="tab:red", lw=1)
    axes[6].set(xlabel="NAA left in ON / %", ylabel="GABA not edited / %", title="editing_missed")
    axes[7].plot(offsets, 100 * left, ".-", label="NAA left in ON")
    axes[7].plot(offsets, 100 * (1 - edited), ".-", label="GABA not edited")
    axes[7].set(xlabel="editing pulse off 1.9 ppm / ppm", ylabel="%", title="editing frequency")
    axes[7].legend(fontsize=8)
    drift_hz = np.linspace(0, 30, 31)
    both, away = drift_loss(offsets, edited, 127.75, drift_hz)
    axes[8].plot(drift_hz, 100 * (both[0] - both), label="evenly about the pulse")
    axes[8].plot(drift_hz, 100 * (away[0] - away), label="away from it")
    axes[8].axvline(LARGE_DRIFT_HZ, color="tab:red", lw=1)
    axes[8].set(xlabel="drift / Hz", ylabel="GABA not edited / %", title="large_drift")
    axes[8].legend(fontsize=8)
    low = offsets <= 0
    at = np.interp(LIMITS.naa_left, left[low][::-1], offsets[low][::-1])
    print(
        f"{100 * LIMITS.naa_left:.0f} % of NAA left: pulse {-at:.2f} ppm too low, GABA edited "
        f"{100 * (1 - np.interp(at, offsets, edited)):.0f} % less than at best"
    )
    for hz in (LARGE_DRIFT_HZ, 15.5, 25.0):
        even, off = (100 * (c[0] - np.interp(hz, drift_hz, c)) for c in (both, away))
        print(f"drift {hz:g} Hz: GABA edited {even:.1f} % less (evenly about the pulse), {off:.1f} % (away from it)")
    save_figure(target, figure, dpi=90)


def main() -> None:
    """Read the arguments, measure, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of invivo_dev and phantom_dev")
    parser.add_argument("figure", type=Path)
    args = parser.parse_args()
    simulated = editing()
    draw(measure(cases(args.data), np.random.default_rng(1)), simulated, args.figure)


if __name__ == "__main__":
    main()
