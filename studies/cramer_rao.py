# SPDX-License-Identifier: Apache-2.0
"""How well can spectra of brains tell at all? The Cramér-Rao bound of ratios to Cr+PCr, with everything else free.

``python studies/cramer_rao.py [--spectra N] [--truth TRUTH.json ...]``: simulated OFF/ON pairs of healthy brains in
usual scans (SNR 80 to 350, that of the highest line of OFF without apodisation; common Gaussian width 2 to 6 Hz), by a
protocol of the middle of those that `invivo` was trained on; and the spectra of virtual brains whose amounts, T2,
Gaussian width and SNR stand in a ``truth.json`` (SNR there by a noise that holds both parts: ours is 1.4 times it).
No unbiased estimate errs less; the mean absolute error is that of a normal distribution whose standard deviation is the
bound. Four cases, each with more left free than the one before:

known
    Amplitudes, common width, frequency and phase; all shapes are known.
life
    Besides each metabolite's T2, groups of protons and shift, weakening near water, differences of ON from OFF, the
    lines of macromolecules in size, width and place, and a baseline, each within the scatter of the literature or of
    careful processing (`PRIOR`).
life, protocol unknown
    Besides what editing pulses, refocusing and B1 did.
and amounts as in health
    The last one, where the amounts are known to lie in the ranges of healthy brains: a bound on estimates that may
    lean on that (van Trees 1968), as a network does.

Mean over the spectra of the error in percent.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import CENTRE_PPM, GABA_PPM, BasisBank, bank_of
from fsl_mrs_dl.basis.files import LineBasis
from fsl_mrs_dl.metabolites.macromolecules import (
    BACKGROUND_AREA,
    BACKGROUND_PPM,
    BACKGROUND_WIDTH_HZ,
    MM30_DIFF_AREA,
    MM30_PPM,
    left_in_diff,
)
from fsl_mrs_dl.metabolites.protons import T2_RATIO
from fsl_mrs_dl.metabolites.sums import parts_of
from fsl_mrs_dl.metabolites.t2 import measured_width_hz
from fsl_mrs_dl.metabolites.table import SIMULATED
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.physics.sequences import MegaPress, mega_press
from fsl_mrs_dl.physics.simulate import simulate_metabolite
from fsl_mrs_dl.physics.spins import load_system
from fsl_mrs_dl.synthesise.concentrations import ConcentrationConfig
from fsl_mrs_dl.synthesise.perturbations.protons import WATER_PPM
from fsl_mrs_dl.synthesise.signals import GAUSS, log_uniform, within

SEED = 20261202
SHOWN = ("GABA+", "GABA", "Glx", "Glu", "Gln", "tNAA", "tCho", "Ins", "GSH")
DURATION_S, BODY_C = 1.024, 37.0
SNR, GAUSS_HZ, LORENTZ_HZ = (80.0, 350.0), (2.0, 6.0), (0.5, 2.0)
MM_LEVEL, MM_T2_S, MM_OVER_GABA = (2.0, 8.0), 0.030, (0.3, 2.0)
MM30_GAUSS_HZ, MM30_LORENTZ_HZ = (8.0, 22.0), 10.6
FAR = 1e6
"""Standard deviation of a parameter of which nothing is known."""

PRIOR = {
    "own_width": 0.2,
    "group_width": 0.15,
    "group_amplitude": 0.08,
    "shift_ppm": 0.0035,
    "water_depth": 0.2,
    "late_s": 2e-5,
    "on_hz": 0.15,
    "on_rad": 0.02,
    "on_amplitude": 0.005,
    "mm_size": 0.6,
    "mm_diff": 0.05,
    "mm_width": 0.25,
    "mm_ppm": 0.01,
    "mm30_hz": 6.0,
    "baseline": 0.02,
    "baseline_diff": 0.1,
}
"""Standard deviations: shares of the value for widths, amplitudes and sizes; of `baseline` the area of each component
by that of all metabolites, of `baseline_diff` how much of it differs between ON and OFF."""


@dataclass(frozen=True)
class Spectrum:
    """What a spectrum is made of.

    Parameters
    ----------
    amount : array, shape ``(n_metabolites,)``
    own_hz : array, shape ``(n_metabolites,)``
    gauss_hz, lorentz_hz, mm_level, mm30, mm30_hz, snr : float
    """

    amount: NDArray
    own_hz: NDArray
    gauss_hz: float
    lorentz_hz: float
    mm_level: float
    mm30: float
    mm30_hz: float
    snr: float


def draw(rng: np.random.Generator) -> Spectrum:
    """A healthy brain in a usual scan."""
    amounts, _ = ConcentrationConfig(solution_fraction=0.0, healthy_share=1.0).draw(1, SIMULATED, rng)
    own_hz = measured_width_hz(SIMULATED, rng.uniform(size=1))[0] * np.exp(0.1 * rng.standard_normal(len(SIMULATED)))
    ratio = float(log_uniform(MM_OVER_GABA, 1, rng)[0])
    return Spectrum(
        amount=amounts[0],
        own_hz=own_hz,
        gauss_hz=float(rng.uniform(*GAUSS_HZ)),
        lorentz_hz=float(rng.uniform(*LORENTZ_HZ)),
        mm_level=float(rng.uniform(*MM_LEVEL)),
        mm30=ratio * float(amounts[0][SIMULATED.index("GABA")]),
        mm30_hz=float(rng.uniform(*MM30_GAUSS_HZ)),
        snr=float(log_uniform(SNR, 1, rng)[0]),
    )


class Bound:
    """The derivatives of a spectrum by everything it depends on."""

    def __init__(self, bank: BasisBank, others: tuple[BasisBank, ...]) -> None:
        self.bank, self.owner = bank, bank.owner
        self.f0_mhz, self.dwell_s = float(bank.f0_mhz[0]), float(bank.dwell_s[0])
        self.n = round(DURATION_S / self.dwell_s)
        self.time_s = np.arange(self.n) * self.dwell_s
        self.signals = _pair(bank, self.n)
        self.protocols = [_pair(other, self.n) - self.signals for other in others]
        ppm = CENTRE_PPM + np.fft.fftfreq(self.n, self.dwell_s) / self.f0_mhz
        grid = PpmGrid()
        self.shown = (ppm >= grid.low_ppm) & (ppm <= grid.high_ppm)
        self.late = 2j * np.pi * self.f0_mhz * (ppm[self.shown] - CENTRE_PPM)
        left = left_in_diff(bank.protocols[0], np.array(BACKGROUND_PPM))
        left[0] = 0.4
        self.left = left

    def spectra(self, fids: NDArray) -> NDArray:
        """OFF and ON of FIDs ``(2, n)`` one after the other, in the window."""
        halved = fids.copy()
        halved[:, 0] /= 2
        return np.fft.fft(halved)[:, self.shown].ravel()

    def columns(self, s: Spectrum) -> tuple[dict[str, list[NDArray]], NDArray]:
        """FIDs of the derivatives by kind of parameter, and the FIDs of all metabolites."""
        t, owner = self.time_s, self.owner
        ratio = np.array([T2_RATIO[group.kind] for group in self.bank.groups])
        group_hz = s.own_hz[owner] / ratio
        te_s = self.bank.protocols[0].te_s
        size = np.exp(-np.pi * te_s * (group_hz - s.own_hz[owner]))
        common = np.exp(-np.pi * s.lorentz_hz * t - (GAUSS * s.gauss_hz * t) ** 2)
        each = self.signals * (size[:, None] * np.exp(-np.pi * np.outer(group_hz, t)) * common)
        each = each * s.amount[owner][:, None]
        total, on = each.sum(axis=1), np.array([[0.0], [1.0]])
        metabolites = [each[:, owner == m].sum(axis=1) for m in range(len(SIMULATED))]
        shift = 2j * np.pi * self.f0_mhz * t
        found: dict[str, list[NDArray]] = {
            "amount": [x / max(a, 1e-9) for x, a in zip(metabolites, s.amount, strict=True)],
            "common": [
                -np.pi * t * total,
                -2 * GAUSS**2 * s.gauss_hz * t**2 * total,
                2j * np.pi * t * total,
                1j * total,
            ],
            "shift_ppm": [shift * x for x in metabolites],
            "own_width": [
                (-np.pi * t * (each * group_hz[:, None])[:, owner == m]).sum(axis=1) for m in range(len(SIMULATED))
            ],
            "on_hz": [2j * np.pi * t * total * on],
            "on_rad": [1j * total * on],
            "on_amplitude": [total * on],
        }
        apart = [g for g, group in enumerate(self.bank.groups) if group.kind != "reference"]
        found["group_width"] = [-np.pi * t * group_hz[g] * each[:, g] for g in apart]
        found["group_amplitude"] = [each[:, g] for g in apart]
        near = np.exp(-(((self.bank.group_ppm[0] - WATER_PPM) / 0.5) ** 2) / 2)
        found["water_depth"] = [-(each * near[:, None]).sum(axis=1)]
        scaled = size[:, None] * np.exp(-np.pi * np.outer(group_hz, t)) * common * s.amount[owner][:, None]
        found["protocol"] = [(other * scaled).sum(axis=1) for other in self.protocols]
        return found, total

    def broad(self, s: Spectrum, total: NDArray) -> dict[str, list[NDArray]]:
        """The same of macromolecules and baseline."""
        t, both = self.time_s, np.ones((2, 1))
        on = np.array([[0.0], [1.0]])
        found: dict[str, list[NDArray]] = {"mm_size": [], "mm_diff": [], "mm_width": [], "mm_ppm": []}
        unit = s.mm_level / BACKGROUND_AREA[0] * np.exp(-0.068 / MM_T2_S)
        for index, (ppm, area, width_hz) in enumerate(
            zip(BACKGROUND_PPM, BACKGROUND_AREA, BACKGROUND_WIDTH_HZ, strict=True)
        ):
            line = unit * area * self.line(ppm, MM30_LORENTZ_HZ, width_hz)
            pair = line * (both + self.left[index] * on)
            found["mm_size"].append(pair)
            found["mm_diff"].append(line * on)
            found["mm_width"].append(-2 * (GAUSS * width_hz * t) ** 2 * pair)
            found["mm_ppm"].append(2j * np.pi * self.f0_mhz * t * pair)
        line = MM30_DIFF_AREA * self.line(MM30_PPM, MM30_LORENTZ_HZ, s.mm30_hz) * on
        found["mm30"] = [line]
        found["mm30_hz"] = [-2 * GAUSS**2 * s.mm30_hz * t**2 * s.mm30 * line]
        found["mm_ppm"].append(2j * np.pi * self.f0_mhz * t * s.mm30 * line)
        size = np.abs(total[0, 0])
        smooth = [part * size * self.line(ppm, 0.0, 80.0) for ppm in np.arange(0.4, 4.5, 0.4) for part in (1, 1j)]
        found["baseline"] = [line * both for line in smooth]
        found["baseline_diff"] = [PRIOR["baseline"] * line * on for line in smooth]
        return found

    def line(self, ppm: float, lorentz_hz: float, gauss_hz: float) -> NDArray:
        """A line of unit area."""
        t = self.time_s
        turn = 2j * np.pi * (ppm - CENTRE_PPM) * self.f0_mhz
        return np.exp(turn * t - np.pi * lorentz_hz * t - (GAUSS * gauss_hz * t) ** 2)

    def errors(self, s: Spectrum, case: str) -> dict[str, float]:
        """Mean absolute errors of the ratios, in percent."""
        kinds, total = self.columns(s)
        kinds |= self.broad(s, total)
        free = {"amount": FAR, "mm30": FAR, "common": FAR}
        if case != "known":
            free |= PRIOR
            kinds["late_s"] = []
        else:
            free |= {"mm_size": FAR}
        if case not in ("known", "life"):
            free["protocol"] = 1.0
        jacobian, prior = [], []
        for kind, known_to in free.items():
            jacobian += [self.spectra(fids) for fids in kinds[kind]]
            prior += [known_to] * len(kinds[kind])
        if case != "known":
            jacobian.append(np.tile(self.late, 2) * self.spectra(total))
            prior.append(PRIOR["late_s"])
        sd = np.array(prior)
        if case.startswith("and"):
            sd[: len(SIMULATED) + 1] = _healthy_sd()
        noise = np.abs(np.fft.fft(total[0])).max() / s.snr
        matrix = np.array(jacobian) / noise
        unit = np.minimum(sd, 1 / np.maximum(np.linalg.norm(matrix, axis=1), 1e-12))
        scaled = matrix * unit[:, None]
        information = (scaled @ scaled.conj().T).real + np.diag((unit / sd) ** 2)
        covariance = np.linalg.inv(information) * np.outer(unit, unit)
        return self._ratios(s, covariance[: len(SIMULATED) + 1, : len(SIMULATED) + 1])

    def _ratios(self, s: Spectrum, covariance: NDArray) -> dict[str, float]:
        names = (*SIMULATED, "MM30")
        inside = [
            float(within(np.array(MM30_PPM), np.array(lorentz), np.array(gauss), GABA_PPM, np.array(self.f0_mhz)))
            for lorentz, gauss in ((MM30_LORENTZ_HZ, s.mm30_hz), (s.lorentz_hz + 3.6, s.gauss_hz))
        ]
        value = np.append(s.amount, s.mm30)
        weight = np.where(np.array(names) == "MM30", inside[0] / inside[1], 1.0)
        creatine = np.isin(names, ("Cr", "PCr"))
        found = {}
        for name in SHOWN:
            member = np.isin(names, parts_of(name)) * weight
            gradient = member / (member @ value) - creatine / (creatine @ value)
            found[name] = 100 * np.sqrt(2 / np.pi) * float(np.sqrt(gradient @ covariance @ gradient))
        return found


def _healthy_sd() -> NDArray:
    """Standard deviation of the amounts in healthy brains, drawn as the spectra are; of MM30 last."""
    amounts, _ = ConcentrationConfig(solution_fraction=0.0, healthy_share=1.0).draw(
        4000, SIMULATED, np.random.default_rng(SEED)
    )
    gaba = amounts[:, SIMULATED.index("GABA")]
    ratio = log_uniform(MM_OVER_GABA, len(gaba), np.random.default_rng(SEED))
    return np.append(amounts.std(axis=0), (gaba * ratio).std())


def _pair(bank: BasisBank, n: int) -> NDArray:
    """OFF and ON of every group of protons, shape ``(2, n_groups, n)``."""
    return np.stack([bank.edit_off[0, :, :n], bank.edit_on[0, :, :n]]).astype(complex)


def bank_with(sequence: MegaPress) -> BasisBank:
    """The signals of one protocol."""
    systems = [load_system(name).at_temperature(BODY_C) for name in SIMULATED]
    basis = LineBasis({s.name: simulate_metabolite(s, sequence) for s in systems}, sequence)
    return bank_of([basis], SIMULATED, PpmGrid(max_time_s=DURATION_S + 0.02), groups_apart=True)


def protocols() -> tuple[MegaPress, tuple[MegaPress, ...]]:
    """The one that is measured with, and others about as far from it as an unknown one may be."""
    middle = mega_press(vendor="siemens", edit_duration_s=0.015, n_positions=12)
    others = (
        replace(middle, b1_scale=0.92),
        replace(middle, edit_on_ppm=1.94),
        replace(middle, edit_duration_s=0.018),
        replace(middle, refocusing_duration_s=0.7 * middle.refocusing_duration_s),
        replace(middle, transmitter_ppm=middle.transmitter_ppm + 0.3),
    )
    return middle, others


def of_truth(path: Path) -> list[Spectrum]:
    """The spectra of a ``truth.json`` with conditions, see `fsl_mrs_dl.validation.run.read_truth`."""
    found = []
    for entry in json.loads(path.read_text("utf-8")):
        amount, t2_s = ({ALIASES.get(k, k): v for k, v in entry[key].items()} for key in ("visible_mm", "t2_s"))
        found.append(
            Spectrum(
                amount=np.array([amount.get(name, 0.0) for name in SIMULATED]),
                own_hz=np.array([1 / (np.pi * t2_s.get(name, 0.15)) for name in SIMULATED]),
                gauss_hz=entry["gauss_hz"],
                lorentz_hz=float(np.mean(LORENTZ_HZ)),
                mm_level=float(np.mean(MM_LEVEL)),
                mm30=amount["GABA"] * entry["mm_over_gaba"],
                mm30_hz=float(np.mean(MM30_GAUSS_HZ)),
                snr=np.sqrt(2) * entry["snr"],
            )
        )
    return found


ALIASES = {"PCho": "PCh", "sIns": "Scyllo"}
CASES = ("known", "life", "life, protocol unknown", "and amounts as in health")


def main() -> None:
    """Read the arguments, draw, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spectra", type=int, default=60)
    parser.add_argument("--truth", type=Path, nargs="*", default=[], metavar="FILE")
    args = parser.parse_args()
    middle, others = protocols()
    bound = Bound(bank_with(middle), tuple(bank_with(other) for other in others))
    rng = np.random.default_rng(SEED)
    sets = {"usual scans": [draw(rng) for _ in range(args.spectra)]}
    sets |= {path.parent.name: of_truth(path) for path in args.truth}
    for name, spectra in sets.items():
        show(name, bound, spectra)


def show(title: str, bound: Bound, spectra: list[Spectrum]) -> None:
    """Print the table of some spectra."""
    print(f"\n{title} ({len(spectra)})")
    print("| |", " | ".join(CASES), "|")
    errors = {case: [bound.errors(s, case) for s in spectra] for case in CASES}
    for name in SHOWN:
        means = (np.mean([each[name] for each in errors[case]]) for case in CASES)
        print(f"| {name} |", " | ".join(f"{mean:.1f}" for mean in means), "|")


if __name__ == "__main__":
    main()
