# SPDX-License-Identifier: Apache-2.0
"""Simulated scans, each with the one fault that a caution or a refusal is about.

All are made of the shipped basis and simulated macromolecules; each is written to a NIfTI-MRS file and read again, as a
user's is. `CASES` is the list that `refusals.py` draws.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.files import load_line_basis
from fsl_mrs_dl.basis.macromolecules import macromolecule_fids
from fsl_mrs_dl.core.resources import basis_folder
from fsl_mrs_dl.core.units import ppm_to_hz, time_axis
from fsl_mrs_dl.physics.simulate import voigt_decay

N_POINTS, DWELL_S, F0_MHZ = 2048, 5e-4, 127.75
TIME_S = time_axis(N_POINTS, DWELL_S)
SEED = 16
"""Of all noise; each case starts with it."""

NOISE = 0.6
"""Standard deviation of real and imaginary part in the FID of an average; the highest line has a ratio of 100 or so."""

BRAIN = {"NAA": 11.0, "NAAG": 1.4, "Cr": 4.3, "PCr": 3.7, "GPC": 1.0, "PCh": 0.6, "Ins": 6.0, "Glu": 9.0, "Gln": 2.4}
BRAIN |= {"GABA": 1.8, "GSH": 1.2, "Tau": 1.4, "Asp": 2.0, "MM09": 6.0, "MM30": 2.0}
SOLUTION = {"NAA": 10.0, "Cr": 8.0, "GABA": 5.0, "Gln": 4.0, "Glu": 10.0}
"""Concentrations, mM."""

PULSES = {"ON": {"PulseOffset": 1.9, "PulseDuration": 0.014}, "OFF": {"PulseOffset": 7.46, "PulseDuration": 0.014}}
HEADER: Mapping[str, Any] = {"EchoTime": 0.068, "RepetitionTime": 2.0, "EditPulse": PULSES}

OFF_ON = ("edit_off", "edit_on")


@dataclass(frozen=True)
class Scan:
    """What lies on the disk, and how it is asked about.

    Parameters
    ----------
    fids : complex array, shape ``(n_coils, n_dynamics, n_conditions, n_points)``, fewer axes from the left, or one FID
    conditions : tuple of str, optional
        As the header names them.
    header : mapping
    water : complex array, shape ``(n_points,)`` or ``(n_coils, n_points)``, optional
        The water reference.
    water_f0_mhz : float
        Its frequency.
    model : str
        Empty where it is to be chosen.
    any_protocol : bool
    as_options : bool
        Whether the two conditions are given as files of their own.
    sidecar : mapping
        What a BIDS sidecar adds to the header.
    """

    fids: NDArray
    conditions: tuple[str, ...] | None = OFF_ON
    header: Mapping[str, Any] = field(default_factory=lambda: dict(HEADER))
    water: NDArray | None = None
    water_f0_mhz: float = F0_MHZ
    model: str = ""
    any_protocol: bool = False
    as_options: bool = False
    sidecar: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A fault.

    Parameters
    ----------
    code : str
        Flag that it raises (a key of `fsl_mrs_dl.core.flag_catalogue.CATALOGUE`), or reason of a refusal.
    make : callable
        Gives the `Scan`.
    """

    code: str
    make: Callable[[], Scan]


USUAL, LONGER = "mega_press_te68_127.75", "mega_press_te80_mmsup_127.75"
"""Shipped bases: of 68 ms, and of 80 ms with symmetric editing."""


@functools.cache
def _signals(basis: str = USUAL) -> Mapping[str, Mapping[str, NDArray]]:
    """FIDs of 1 mM in OFF and ON, without width."""
    lines = load_line_basis(basis_folder() / basis / "lines.npz")
    broad = macromolecule_fids(OFF_ON, lines.sequence, N_POINTS, DWELL_S, F0_MHZ)
    found: dict[str, dict[str, NDArray]] = {}
    for condition in OFF_ON:
        sharp = lines.condition(condition, N_POINTS, DWELL_S)
        found[condition] = {**dict(zip(sharp.names, sharp.fids, strict=True)), **broad[condition]}
    return found


def noise(shape: Sequence[int], size: float, seed: int = SEED) -> NDArray:
    """White complex noise."""
    rng = np.random.default_rng(seed)
    return size * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))


def clean(conc: Mapping[str, float], lorentz_hz: float = 3.0, gauss_hz: float = 3.0, *, basis: str = USUAL) -> NDArray:
    """OFF and ON of a mixture, shape ``(2, n_points)``."""
    decay = voigt_decay(TIME_S, lorentz_hz, gauss_hz)
    fids = _signals(basis)
    # MM30 is what editing adds, and not there in OFF
    return np.stack(
        [sum(value * fids[c][name] for name, value in conc.items() if name in fids[c]) * decay for c in OFF_ON]
    )


def pair(conc: Mapping[str, float] = BRAIN, size: float = NOISE, **shape: float) -> NDArray:
    """`clean` with noise."""
    return clean(conc, **shape) + noise((2, N_POINTS), size)


def diff(conc: Mapping[str, float] = BRAIN, **shape: float) -> NDArray:
    """ON - OFF with noise."""
    off, on = pair(conc, **shape)
    return on - off


def line(ppm: float, width_hz: float, size: float) -> NDArray:
    """A Lorentzian line."""
    return size * np.exp((2j * np.pi * ppm_to_hz(ppm, F0_MHZ) - np.pi * width_hz) * TIME_S)


def transients(n: int, size: float = NOISE, conc: Mapping[str, float] = BRAIN) -> NDArray:
    """`n` noisy repetitions, shape ``(n, 2, n_points)``."""
    return np.repeat(clean(conc)[None], n, axis=0) + noise((n, 2, N_POINTS), size * np.sqrt(n))


def turned(fids: NDArray, shift_hz: NDArray) -> NDArray:
    """Transients moved in frequency by `shift_hz` each."""
    return fids * np.exp(2j * np.pi * np.asarray(shift_hz)[:, None, None] * TIME_S)


def water(size: float = 4000.0) -> NDArray:
    """The line of unsuppressed water."""
    return line(4.65, 6.0, size)


def coils(n: int = 4) -> NDArray:
    """Sensitivities."""
    rng = np.random.default_rng(SEED)
    return rng.uniform(0.5, 1.5, n) * np.exp(2j * np.pi * rng.uniform(size=n))


def clipped(fids: NDArray, share: float) -> NDArray:
    """Real and imaginary part cut off at a share of the largest value."""
    limit = share * max(np.abs(fids.real).max(), np.abs(fids.imag).max())
    return np.clip(fids.real, -limit, limit) + 1j * np.clip(fids.imag, -limit, limit)


def header(**changed: Any) -> dict[str, Any]:
    """`HEADER` with changes; None leaves an entry out."""
    return {key: value for key, value in {**HEADER, **changed}.items() if value is not None}


def pulses(**changed: Mapping[str, Any]) -> dict[str, Any]:
    """`HEADER` with an editing pulse changed."""
    return header(EditPulse={name: {**PULSES[name], **changed.get(name, {})} for name in PULSES})


# --- reading and the order of the conditions


def _swapped() -> Scan:
    return Scan(pair(), conditions=("edit_on", "edit_off"))


def _wrong_unit() -> Scan:
    return Scan(pair(), header=header(EchoTime=68.0))


def _another_echo_time() -> Scan:
    sharp = {name: value for name, value in BRAIN.items() if not name.startswith("MM")}
    return Scan(clean(sharp, basis=LONGER) + noise((2, N_POINTS), NOISE))


def _not_edited() -> Scan:
    off = clean(BRAIN)[0]
    return Scan(np.stack([off, off]) + noise((2, N_POINTS), NOISE))


# --- the measurement


def _restless() -> Scan:
    fids = transients(16)
    for index in (1, 3, 4, 8, 11, 14):
        fids[index, 0] *= voigt_decay(TIME_S, 25.0, 10.0) * np.exp(2j * np.pi * 9 * TIME_S)
        fids[index, 1] *= voigt_decay(TIME_S, 20.0, 15.0) * np.exp(-2j * np.pi * 8 * TIME_S)
    return Scan(fids)


def _scattered() -> Scan:
    fids = transients(40)
    course = np.random.default_rng(4).standard_normal(40)
    fids[:, 1] += 40.0 * course[:, None] * line(3.0, 15.0, 1.0)
    return Scan(fids)


def _drifting() -> Scan:
    return Scan(turned(transients(16), np.linspace(0, 15, 16)))


def _unalignable() -> Scan:
    # a transient of this alone is nothing but noise
    return Scan(transients(32, size=20.0))


def _strong_water() -> Scan:
    return Scan(pair() + 250 * 30 * line(4.68, 6.0, 1.0))


def _noisy_reference() -> Scan:
    # something was switched while the end of the water's FID was sampled
    end = np.where(TIME_S > 0.88, noise((N_POINTS,), 300.0, SEED + 1), 0.0)
    return Scan(pair(), water=line(4.65, 1.0, 4000.0) + noise((N_POINTS,), 0.5) + end)


def _wrong_coils() -> Scan:
    weights = coils()
    fids = weights[:, None, None] * pair()
    return Scan(fids[:, None], water=weights[[2, 0, 3, 1]][:, None] * water())


def _clipped() -> Scan:
    return Scan(clipped(pair() + line(4.68, 6.0, 60.0), 0.4))


def _clipped_reference() -> Scan:
    return Scan(pair(), water=clipped(water() * np.exp(0.3j), 0.6))


def _late_start() -> Scan:
    return Scan(np.pad(pair()[:, 3:], ((0, 0), (0, 3))))


def _off_centre() -> Scan:
    return Scan(pair() * np.exp(2j * np.pi * 0.5 * F0_MHZ * TIME_S))


# --- the spectrum


def _residue() -> Scan:
    off, on = pair()
    return Scan(np.stack([off, on + 1j * line(3.22, 5.0, 6.0)]))


def _lipid() -> Scan:
    return Scan(pair() + line(1.3, 25.0, 60.0) + line(0.9, 25.0, 25.0))


def _naa_left() -> Scan:
    off, on = pair()
    return Scan(np.stack([off, on + 0.25 * clean({"NAA": 11.0})[0]]))


def _cut_short() -> Scan:
    return Scan(pair()[:, :500])


def _foreign_line(size: float, conc: Mapping[str, float] = BRAIN, **settings: Any) -> Scan:
    return Scan(pair(conc) + line(2.62, 6.0, size), **settings)


def _weak_near_water() -> Scan:
    return Scan(pair() - line(3.92, 6.2, 16.0))


def _humped() -> Scan:
    off, on = pair()
    return Scan(np.stack([off, on + line(3.75, 35.0, 30.0)]))


def _between() -> Scan:
    mixture = {**SOLUTION, "Ins": 0.5, "GPC": 0.12}
    return Scan(diff(mixture), conditions=("diff",))


# --- what is refused


def _noise_alone() -> Scan:
    return Scan(noise((2, N_POINTS), 40.0) + clean(BRAIN))


def _water_as_data() -> Scan:
    return Scan(water() + noise((N_POINTS,), 0.3), conditions=None)


def _ethanol() -> NDArray:
    return sum(
        size * line(ppm + k * 7.1 / F0_MHZ, 4.0, 30.0)
        for ppm, parts in ((1.18, {-1: 0.75, 0: 1.5, 1: 0.75}), (3.65, {-1.5: 0.25, -0.5: 0.75, 0.5: 0.75, 1.5: 0.25}))
        for k, size in parts.items()
    )


def _other_substance() -> Scan:
    return Scan(_ethanol() + noise((N_POINTS,), NOISE), conditions=None)


def _choline() -> Scan:
    fids = clean({"GPC": 10.0})
    return Scan(np.stack([fids[0], 0.9 * fids[1]]) + noise((2, N_POINTS), NOISE))


def _one_line() -> Scan:
    return Scan(-line(2.01, 4.0, 30.0) + noise((N_POINTS,), NOISE), conditions=("diff",))


def _out_of_place() -> Scan:
    moved = diff(SOLUTION) * np.exp(2j * np.pi * 0.42 * F0_MHZ * TIME_S)
    return Scan(moved, conditions=("diff",))


def _fat() -> Scan:
    fat = line(1.3, 30.0, 1000.0) + line(0.9, 30.0, 400.0) + line(2.1, 30.0, 180.0) + line(5.3, 30.0, 120.0)
    off, on = pair()
    return Scan(np.stack([off + fat, on + 1.2 * fat * np.exp(0.4j)]))


GROUPS: Mapping[str, tuple[Case, ...]] = {
    "order": (
        Case("order_assumed", lambda: Scan(pair({"Cr": 8.0, "GABA": 2.0}, size=2.0), conditions=None)),
        Case("order_contradiction", _swapped),
        Case("options_swapped", lambda: Scan(pair()[::-1], as_options=True)),
        Case("not_edited", _not_edited),
        Case("diff_inverted", lambda: Scan(-diff(), conditions=None)),
        Case("diff_only", lambda: Scan(diff(), conditions=("diff",))),
        Case("off_only", lambda: Scan(pair()[0], conditions=("edit_off",))),
        Case("header_note", _wrong_unit),
        Case("protocol_unknown", lambda: Scan(pair(), header={})),
        Case("protocol_contradicted", _another_echo_time),
        Case("other_protocol", lambda: Scan(pair(), header=header(EchoTime=0.080), any_protocol=True)),
    ),
    "measurement": (
        Case("many_transients_rejected", _restless),
        Case("transients_scatter", _scattered),
        Case("large_drift", _drifting),
        Case("alignment_failed", _unalignable),
        Case("receiver_clipped", _clipped),
        Case("reference_clipped", _clipped_reference),
        Case("reference_other_scan", lambda: Scan(pair(), water=water(), water_f0_mhz=F0_MHZ + 0.0231)),
        Case("reference_coils", _wrong_coils),
        Case("reference_scale", lambda: Scan(pair(), water=water(4.0))),
        Case("eddy_current_uncorrected", _noisy_reference),
        Case("water_suppression_poor", _strong_water),
        Case("first_order_phase", _late_start),
        Case("centre_moved", _off_centre),
        Case("frequency_uncertain", lambda: Scan(pair({"GABA": 4.0, "Glu": 4.0}, size=5.0))),
    ),
    "spectrum": (
        Case("broad_lines", lambda: Scan(pair(lorentz_hz=12.0, gauss_hz=8.0))),
        Case("low_snr", lambda: Scan(pair(size=10.0))),
        Case("subtraction_artefact", _residue),
        Case("lipid", _lipid),
        Case("editing_missed", _naa_left),
        Case("outside_training", _cut_short),
        Case("poor_fit", lambda: _foreign_line(14.0)),
        Case("line_not_followed", _weak_near_water),
        Case("scale_uncertain", lambda: Scan(pair({**BRAIN, "MM09": 10.0, "MM30": 3.5}))),
        Case("classical_disagrees", _humped),
        Case("other_model", lambda: Scan(pair(), model="phantom")),
        Case("model_guessed", _between),
    ),
    "refused": (
        Case("noise", _noise_alone),
        Case("water", _water_as_data),
        Case("not_edited", _not_edited),
        Case("unknown_signal", _other_substance),
        Case("unexplained", lambda: _foreign_line(20.0, {**BRAIN, "Ins": 14.0, "GPC": 4.0}, model="phantom_cnn")),
        Case("no_main_line", _choline),
        Case("too_broad", lambda: Scan(pair(lorentz_hz=18.0, gauss_hz=22.0))),
        Case("single_line", _one_line),
        Case("out_of_place", _out_of_place),
        Case("lipid", _fat),
    ),
    "protocol": (
        Case("echo_time", lambda: Scan(pair()[0], conditions=("edit_off",), header={"EchoTime": 0.030})),
        Case("localisation", lambda: Scan(pair(), sidecar={"SequenceName": "eja_svs_mslaser"})),
        Case("target", lambda: Scan(pair(), sidecar={"EditTarget": "GSH"})),
        Case("bands", lambda: Scan(pair(), header=pulses(ON={"PulseOffset": [1.9, 4.56]}))),
        Case("pulse_place", lambda: Scan(pair(), header=pulses(ON={"PulseOffset": 4.56}))),
        Case("pulse_length", lambda: Scan(pair(), header=pulses(ON={"PulseDuration": 0.045}))),
        Case("clipped", _clipped),
    ),
}
"""Cases by contact sheet: cautions, then reasons of a refusal (`refused`, `protocol`)."""


def scan_file(scan: Scan, folder: Path) -> dict[str, Any]:
    """Write the files of a scan; gives the arguments of `fsl_mrs_dl.preprocess.load.load`."""
    from fsl_mrs_dl.io.nifti import read_acquisition, write_spectrum

    sampled: dict[str, Any] = {"dwell_s": DWELL_S, "f0_mhz": F0_MHZ, "header": scan.header}
    files: dict[str, Any] = {}
    if scan.water is not None:
        tags = ("DIM_COIL",) if scan.water.ndim == 2 else ()
        of_water = {**sampled, "f0_mhz": scan.water_f0_mhz, "header": {"EchoTime": 0.068}}
        write_spectrum(folder / "water.nii.gz", scan.water, dims=tags, **of_water)
        files["h2o"] = folder / "water.nii.gz"
    if scan.as_options:
        for name, fid in zip(("data_off", "data_on"), scan.fids, strict=True):
            files[name] = folder / f"{name}.nii.gz"
            write_spectrum(files[name], fid, **sampled)
        return files
    tags = ("DIM_COIL", "DIM_DYN", "DIM_EDIT")[4 - scan.fids.ndim :] if scan.fids.ndim > 1 else ()
    named: dict[str, Any] = {}
    if scan.conditions is not None and scan.fids.ndim > 1:
        named = {"conditions": scan.conditions}
    write_spectrum(folder / "scan.nii.gz", scan.fids, dims=tags, **named, **sampled)
    files["data"] = folder / "scan.nii.gz"
    if scan.sidecar:
        read = read_acquisition(files["data"])
        files["data"] = replace(read, header={**read.header, **scan.sidecar})
    return files
