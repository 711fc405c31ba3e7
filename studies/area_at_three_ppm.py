# SPDX-License-Identifier: Apache-2.0
"""How well does the area of the line at 3.0 ppm tell GABA+, where everything else about a spectrum is known?

``python studies/area_at_three_ppm.py ../shared/data/invivo_t2_dev ../shared/data/invivo_real_dev``: virtual brains
whose ``truth.json`` says amounts, T2, groups of protons, suppression and protocol. All metabolites are simulated by the
file's protocol with their true amounts; width, shift, phase and scale are fitted to the singlets of edit_off. What is
left of DIFF from 2.8 to 3.2 ppm when all metabolites but GABA are subtracted is GABA+ as it is defined, with the noise
and the artefacts of the file: an estimate can be better only by what it expects of shapes or of amounts. Printed for
each series: bias and mean absolute error of that GABA+, in percent.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from fsl_mrs_dl.basis.bank import CENTRE_PPM, CYCLES_PER_PPM, GABA_PPM, BasisBank, bank_of
from fsl_mrs_dl.basis.files import LineBasis
from fsl_mrs_dl.metabolites.table import SIMULATED
from fsl_mrs_dl.models.inputs import PpmGrid, prepare
from fsl_mrs_dl.physics.sequences import MegaPress
from fsl_mrs_dl.physics.simulate import simulate_metabolite
from fsl_mrs_dl.physics.spins import load_system
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.synthesise.perturbations.protons import WATER_PPM
from fsl_mrs_dl.synthesise.signals import GAUSS

SINGLETS_PPM = ((1.9, 2.1), (2.9, 3.35))
"""Where edit_off tells width, shift, phase and scale."""

FIRST_OF_MOIETY = ("Cr", "PCr", "NAA", "NAAG", "GPC", "PCh")
SECOND_OF_MOIETY = ("Glu", "Gln", "GSH")
"""Metabolites whose groups apart the first, and the second, of ``moiety_t2`` describes."""

BODY_C = 37.0


def basis_of(entry: dict[str, Any], grid: PpmGrid) -> BasisBank:
    """The signals of a file's protocol, of every group of protons."""
    sequence = MegaPress(
        f0_mhz=entry["f0"],
        delays_s=tuple(entry["taus_s"]),
        edit_on_ppm=entry["on"],
        edit_off_ppm=entry["off"],
        edit_duration_s=entry["edit_s"],
        edit_truncation=0.05,
        refocusing="slr",
        refocusing_duration_s=0.005,
        refocusing_tbw=6.0,
        n_positions=10,
        b1_scale=entry["b1_scale"],
    )
    systems = [load_system(name).at_temperature(BODY_C) for name in SIMULATED]
    lines = LineBasis({s.name: simulate_metabolite(s, sequence) for s in systems}, sequence)
    return bank_of([lines], SIMULATED, grid, groups_apart=True)


class Known:
    """A virtual brain as its truth says it is, but for GABA's line in DIFF."""

    def __init__(self, entry: dict[str, Any], bank: BasisBank, grid: PpmGrid) -> None:
        self.grid, self.bank = grid, bank
        self.dwell_s = float(bank.dwell_s[0])
        self.time_s = np.arange(bank.edit_off.shape[-1]) * self.dwell_s
        t2_s = np.array([entry["t2_s"].get(name, 0.15) for name in SIMULATED])
        reference_hz = 1 / (np.pi * t2_s[bank.owner])
        self.own_hz = reference_hz / self._ratios(entry)
        te_s = sum(entry["taus_s"])
        amount = np.array([entry["visible_mm"].get(name, 0.0) for name in SIMULATED])[bank.owner]
        self.amount = amount * np.exp(-np.pi * te_s * (self.own_hz - reference_hz)) * self._left_near_water(entry)
        self.is_gaba = bank.owner == SIMULATED.index("GABA")

    def _ratios(self, entry: dict[str, Any]) -> NDArray:
        """T2 of each group by that of its molecule's first."""
        first, second = entry.get("moiety_t2", (1.0, 1.0))
        by_name = dict.fromkeys(FIRST_OF_MOIETY, first) | dict.fromkeys(SECOND_OF_MOIETY, second)
        apart = (1.0 if group.kind == "reference" else by_name.get(group.metabolite, 1.0) for group in self.bank.groups)
        return np.array(list(apart))

    def _left_near_water(self, entry: dict[str, Any]) -> NDArray:
        depth, width_ppm = entry.get("suppression", (0.0, 1.0))
        loss: NDArray = depth * np.exp(-(((self.bank.group_ppm[0] - WATER_PPM) / width_ppm) ** 2) / 2)
        return 1 - loss

    def spectrum(self, fids: NDArray, shape: NDArray, which: NDArray | slice = slice(None)) -> NDArray:
        """The sum of some signals; `shape` is the common shift, Lorentzian and Gaussian width in Hz."""
        shift_hz, lorentz_hz, gauss_hz = shape
        t = self.time_s
        decay = np.exp(-np.pi * np.outer(self.own_hz[which] + lorentz_hz, t) - (GAUSS * gauss_hz * t) ** 2)
        total = ((self.amount[which, None] * decay) * fids[0, which]).sum(axis=0) * np.exp(2j * np.pi * shift_hz * t)
        return self.grid.transform(total, CYCLES_PER_PPM, CENTRE_PPM) * self.dwell_s

    def shape_and_scale(self, off: NDArray, gauss_hz: float) -> tuple[NDArray, complex]:
        """The line shape, and the complex scale, by which edit_off is best described."""
        near = np.any([(self.grid.ppm > low) & (self.grid.ppm < high) for low, high in SINGLETS_PPM], axis=0)

        def scale(made: NDArray) -> complex:
            return complex(np.vdot(made[near], off[near]) / np.vdot(made[near], made[near]))

        def misfit(shape: NDArray) -> NDArray:
            made = self.spectrum(self.bank.edit_off, shape)
            left = off[near] - scale(made) * made[near]
            return np.concatenate([left.real, left.imag])

        shape = least_squares(misfit, [0.0, 0.5, gauss_hz]).x
        return shape, scale(self.spectrum(self.bank.edit_off, shape))

    def gaba_plus(self, off: NDArray, diff: NDArray, gauss_hz: float) -> float:
        """Area that is left in DIFF, by GABA's."""
        shape, scale = self.shape_and_scale(off, gauss_hz)
        edited = self.bank.edit_on - self.bank.edit_off
        inside = (self.grid.ppm > GABA_PPM[0]) & (self.grid.ppm < GABA_PPM[1])
        others = self.spectrum(edited, shape, ~self.is_gaba)
        gaba = self.spectrum(edited, shape, self.is_gaba)
        return float((diff / scale - others)[inside].sum().real / gaba[inside].sum().real)


def errors_of(folder: Path) -> dict[str, list[float]]:
    """Found over true GABA+, less 1, by series."""
    grid, bases = PpmGrid(), {}
    found: dict[str, list[float]] = {}
    for entry in json.loads((folder / "truth.json").read_text("utf-8")):
        series = entry["series"]
        if series not in bases:
            bases[series] = basis_of(entry, grid)
        channels = prepare(load(folder / f"{entry['id']}.nii.gz").spectra, grid).channels
        off, diff = channels[0] + 1j * channels[1], channels[2] + 1j * channels[3]
        value = Known(entry, bases[series], grid).gaba_plus(off, diff, entry["gauss_hz"])
        found.setdefault(series, []).append(value / (1 + entry["mm_over_gaba"]) - 1)
    return found


def main() -> None:
    """Print bias and error of each series and set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="+")
    for folder in parser.parse_args().folder:
        found = errors_of(folder)
        for name, errors in (*found.items(), ("all", [e for part in found.values() for e in part])):
            bias, size = 100 * np.mean(errors), 100 * np.mean(np.abs(errors))
            print(f"{folder.name} {name}: {len(errors)} spectra, bias {bias:+.1f} %, mean absolute error {size:.1f} %")


if __name__ == "__main__":
    main()
