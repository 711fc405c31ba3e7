# SPDX-License-Identifier: Apache-2.0
"""Coils, alignment, averaging, eddy currents, reference and the whole pipeline."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import Acquisition, EditedSpectra
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.units import ppm_axis, ppm_to_hz, spectrum, time_axis
from fsl_mrs_dl.preprocess.align import align_transients, apply_alignment
from fsl_mrs_dl.preprocess.align_pair import align_pair, water_difference
from fsl_mrs_dl.preprocess.average import average_transients
from fsl_mrs_dl.preprocess.coils import apply_weights, combine_coils
from fsl_mrs_dl.preprocess.eddy import correct_eddy
from fsl_mrs_dl.preprocess.outputs import write_preprocessed
from fsl_mrs_dl.preprocess.pipeline import preprocess
from fsl_mrs_dl.preprocess.reference import find_reference, line_width_hz, reference_spectra

F0_MHZ, DWELL_S, N = 127.75, 1 / 2000, 1024
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
OFF = [(10, 2.008, 5), (6, 3.027, 5), (4, 3.913, 5), (3, 3.208, 5), (1.5, 3.75, 8)]
EDITED = [(-10, 2.008, 5), (0.8, 2.96, 5), (0.8, 3.07, 5), (1, 3.75, 8)]
WATER = [(300, 4.65, 6), (200j, 4.68, 12)]


def lines(parts, n=N):
    t = time_axis(n, DWELL_S)
    return sum(a * np.exp((2j * np.pi * ppm_to_hz(p, F0_MHZ) - np.pi * w) * t) for a, p, w in parts)


def noise(shape, sd, seed=0):
    rng = np.random.default_rng(seed)
    return sd * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))


def moved(fids, shift_hz, phase_rad=0.0):
    return apply_alignment(fids, DWELL_S, -np.asarray(shift_hz), -np.asarray(phase_rad))


def acquisition(fids, conditions=None):
    return Acquisition(np.asarray(fids), DWELL_S, F0_MHZ, Path("x.nii.gz"), conditions)


# ---------------------------------------------------------------- coils
def coil_data(seed=1):
    rng = np.random.default_rng(seed)
    sensitivity = rng.standard_normal(8) + 1j * rng.standard_normal(8)
    mix = np.eye(8) + 0.3 * (rng.standard_normal((8, 8)) + 1j * rng.standard_normal((8, 8)))
    mix[3] *= 10.0  # one very noisy coil
    signal = lines(OFF)
    grain = np.einsum("ce,aedn->acdn", mix, noise((1, 8, 4, N), 0.4, seed))
    return sensitivity, mix, signal, sensitivity[None, :, None, None] * signal + grain


@pytest.mark.parametrize("with_reference", [False, True])
def test_coils_reach_the_matched_filters_noise(with_reference):
    sensitivity, mix, _, fids = coil_data()
    water = lines(WATER)
    reference = (sensitivity[None, :, None, None] * water)[:, :, :1]
    out, weights = combine_coils(fids, reference if with_reference else None)
    assert out.shape == (1, 1, 4, N)
    gain = weights @ sensitivity
    variance = np.linalg.norm(weights @ mix) ** 2 / abs(gain) ** 2
    best = 1.0 / (sensitivity.conj() @ np.linalg.solve(mix @ mix.conj().T, sensitivity)).real
    assert variance < 1.05 * best
    assert abs(gain) == pytest.approx(np.abs(sensitivity).max(), rel=0.05)
    # water referencing: the same weights give the same gain
    np.testing.assert_allclose(apply_weights(reference, weights)[0, 0, 0], gain * water, rtol=1e-9)


def test_single_coil_is_left_alone_and_wrong_references_are_refused():
    _, _, _, fids = coil_data()
    np.testing.assert_array_equal(combine_coils(fids[:, :1])[0], fids[:, :1])
    with pytest.raises(DataError, match="coils"):
        combine_coils(fids, fids[:, :4])


# ---------------------------------------------------------------- transients
@pytest.mark.parametrize("n_dyn", [1, 2, 16, 64])
@pytest.mark.parametrize("with_water", [False, True])
def test_drift_and_phases_are_found(n_dyn, with_water):
    rng = np.random.default_rng(n_dyn)
    shift, phase = np.linspace(7.5, -7.5, n_dyn) if n_dyn > 1 else np.zeros(1), rng.uniform(-3, 3, n_dyn)
    clean = lines(OFF + (WATER if with_water else []))
    fids = moved(np.tile(clean, (n_dyn, 1)), shift, phase) + noise((n_dyn, N), 0.8)
    found = align_transients(fids, DWELL_S, F0_MHZ)
    assert np.abs(found.shift_hz - (shift - np.median(shift))).max() < 0.5
    turned = np.exp(1j * (found.phase_rad - phase))
    if n_dyn > 1:
        assert np.abs(np.angle(turned / np.mean(turned))).max() < 0.15


def test_a_wild_transient_neither_misleads_nor_enters():
    shift = np.linspace(-6, 6, 16)
    fids = moved(np.tile(lines(OFF), (16, 1)), shift) + noise((16, N), 0.5)
    fids[5] += lines([(30, 1.3, 40), (20j, 3.4, 30)])
    fids[9] *= 0.1
    found = align_transients(fids, DWELL_S, F0_MHZ)
    good = np.delete(np.arange(16), [5, 9])
    error = (found.shift_hz - shift)[good]
    assert np.ptp(error) < 0.5
    mean = average_transients(apply_alignment(fids, DWELL_S, found.shift_hz, found.phase_rad))
    assert mean.rejected == (5, 9)
    assert mean.weights.sum() == pytest.approx(1.0)


def test_good_transients_are_kept():
    rejected = [average_transients(lines(OFF) + noise((40, N), 0.5, seed)).rejected for seed in range(20)]
    assert sum(map(len, rejected)) == 0
    assert average_transients(np.ones((1, 8), complex)).rejected == ()
    bad = lines(OFF) + noise((6, N), 0.5)
    bad[2, 3] = np.nan
    assert average_transients(bad).rejected == (2,)


@pytest.mark.parametrize(("shift_hz", "phase_rad"), [(0.7, 0.1), (-3.0, -0.4), (12.0, 2.0)])
def test_on_is_aligned_to_off_in_spite_of_gaba(shift_hz, phase_rad):
    off, on = lines(OFF), moved(lines(OFF + EDITED), shift_hz, phase_rad)
    found = align_pair(off + noise(N, 0.05), on + noise(N, 0.05, 1), DWELL_S, F0_MHZ)
    assert found.applied
    assert found.shift_hz == pytest.approx(shift_hz, abs=0.15)
    assert found.phase_rad == pytest.approx(phase_rad, abs=0.06)


@pytest.mark.parametrize("seed", range(0, 12, 2))
def test_an_aligned_pair_is_left_where_it_is(seed):
    off, on = lines(OFF) + noise(N, 0.2, seed), lines(OFF + EDITED) + noise(N, 0.2, seed + 1)
    found = align_pair(off, on, DWELL_S, F0_MHZ)
    assert abs(found.shift_hz) < 0.15
    assert abs(found.phase_rad) < 0.05
    # and a shift ten times as large is found from there
    moved_on = align_pair(off, moved(on, 1.5, 0.0), DWELL_S, F0_MHZ)
    assert moved_on.applied
    assert moved_on.shift_hz - found.shift_hz == pytest.approx(1.5, abs=0.02)


def test_water_tells_the_difference_only_when_alike():
    off = lines(WATER)
    shift_hz, phase_rad = water_difference(off, moved(off, 0.6, 0.2), DWELL_S)
    assert (shift_hz, phase_rad) == (pytest.approx(0.6, abs=0.01), pytest.approx(0.2, abs=0.01))
    assert water_difference(off, lines([(200, 4.65, 30), (-300, 4.8, 9)]), DWELL_S) is None
    assert water_difference(off, np.zeros(N), DWELL_S) is None


# ---------------------------------------------------------------- eddy currents, reference, width
def test_eddy_phase_is_taken_out():
    t = time_axis(N, DWELL_S)
    bend = 1.5 * np.exp(-t / 0.03)
    water = lines([(1000, 4.65, 4)]) * np.exp(1j * bend) + noise(N, 0.5)
    out, why_not = correct_eddy(lines(OFF) * np.exp(1j * bend), water, DWELL_S)
    assert why_not == ""
    # what is left is a constant phase and a shift
    shift, phase, _ = find_reference(out, DWELL_S, F0_MHZ)
    left = apply_alignment(out, DWELL_S, shift, phase) - lines(OFF)
    assert np.linalg.norm(left) < 0.06 * np.linalg.norm(lines(OFF))


def test_eddy_correction_is_skipped_where_it_cannot_be_made():
    fid = lines(OFF)
    for reference, word in ((None, "no reference"), (noise(N, 1.0), "noise"), (np.zeros(N, complex), "noise")):
        out, why_not = correct_eddy(fid, reference, DWELL_S)
        assert word in why_not
        np.testing.assert_array_equal(out, fid)


@pytest.mark.parametrize("length", [N // 4, N // 2, 2 * N])
@pytest.mark.parametrize("behind", ["nothing", "zeros"])
def test_a_reference_of_any_length_takes_eddy_currents_out(length, behind):
    bend = 1.5 * np.exp(-time_axis(2 * N, DWELL_S) / 0.03)
    water = lines([(1000, 4.65, 4)], 2 * N) * np.exp(1j * bend) + noise(2 * N, 0.5)
    water = water[:length] if behind == "nothing" else np.pad(water[:length], (0, 3 * N - length))
    out, why_not = correct_eddy(lines(OFF) * np.exp(1j * bend[:N]), water, DWELL_S)
    assert why_not == ""
    shift, phase, _ = find_reference(out, DWELL_S, F0_MHZ)
    left = apply_alignment(out, DWELL_S, shift, phase) - lines(OFF)
    assert np.linalg.norm(left) < 0.1 * np.linalg.norm(lines(OFF))


@pytest.mark.parametrize(
    "parts", [OFF, OFF[1:], OFF[:1] + OFF[4:], OFF[1:3]], ids=["all", "no NAA", "no Cr", "only Cr"]
)
@pytest.mark.parametrize("shift_ppm", [-0.25, 0.0, 0.13])
def test_reference_finds_shift_and_phase(parts, shift_ppm):
    fid = moved(lines(parts), shift_ppm * F0_MHZ, 2.2) + noise(N, 0.2)
    done = reference_spectra(EditedSpectra(DWELL_S, F0_MHZ, Path("x"), edit_off=fid, edit_on=2 * fid, diff=fid))
    found = done.history.reference
    assert found.shift_ppm == pytest.approx(shift_ppm, abs=0.005)
    assert np.angle(np.exp(1j * (found.phase_rad - 2.2))) == pytest.approx(0.0, abs=0.15)
    np.testing.assert_allclose(done.edit_on, 2 * done.edit_off)


def test_reference_of_a_diff_alone_and_of_noise():
    fid = moved(lines(EDITED), 9.0, -1.0) + noise(N, 0.1)
    found = reference_spectra(EditedSpectra(DWELL_S, F0_MHZ, Path("x"), diff=fid))
    assert found.history.reference.shift_hz == pytest.approx(9.0, abs=0.3)
    assert found.history.reference.phase_rad == pytest.approx(-1.0, abs=0.1)
    assert found.flags == ()
    lost = reference_spectra(EditedSpectra(DWELL_S, F0_MHZ, Path("x"), diff=noise(N, 1.0)))
    assert [flag.code for flag in lost.flags] == ["frequency_uncertain"]


def test_line_width_of_a_known_line():
    assert line_width_hz(lines([(1j, 3.027, 6.0)], 8192), DWELL_S, F0_MHZ, 3.027) == pytest.approx(6.0, abs=0.05)
    assert np.isnan(line_width_hz(np.zeros(N, complex), DWELL_S, F0_MHZ, 3.027))


# ---------------------------------------------------------------- the pipeline
def raw_acquisition(n_coils=4, n_dyn=16, order=("edit_off", "edit_on")):
    rng = np.random.default_rng(7)
    sensitivity = rng.standard_normal(n_coils) + 1j * rng.standard_normal(n_coils)
    base = {"edit_off": lines(OFF + WATER), "edit_on": moved(lines(OFF + EDITED + WATER), 0.8, 0.2)}
    shift = np.linspace(-5, 5, n_dyn)
    fids = np.stack([moved(np.tile(base[name], (n_dyn, 1)), shift + 10) for name in order])
    fids = sensitivity[None, :, None, None] * fids[:, None] + noise((2, n_coils, n_dyn, N), 0.5)
    water = sensitivity[None, :, None, None] * lines([(1e4, 4.65, 5)])[None, None, None]
    return acquisition(fids, order), acquisition(water), np.abs(sensitivity).max()


@pytest.mark.parametrize("order", [("edit_off", "edit_on"), ("edit_on", "edit_off")])
def test_raw_data_come_out_as_the_known_spectra(order, tmp_path):
    acq, water, gain = raw_acquisition(order=order)
    pre = preprocess(acq, water)
    s = pre.spectra
    axis = ppm_axis(N, DWELL_S, F0_MHZ)
    for name, truth in (("edit_off", lines(OFF)), ("edit_on", lines(OFF + EDITED)), ("diff", lines(EDITED))):
        inside = (axis > 1.5) & (axis < 4.1)
        found, known = spectrum(getattr(s, name))[inside], gain * spectrum(truth)[inside]
        assert np.linalg.norm(found - known) < 0.12 * np.linalg.norm(known), name
    np.testing.assert_allclose(s.diff, s.edit_on - s.edit_off, atol=1e-9)
    assert pre.width_after_hz < 6.0 < pre.width_before_hz
    assert np.abs(pre.water_reference[0]) == pytest.approx(gain * 1e4, rel=0.02)
    codes = {flag.code for flag in s.flags}
    assert {"water_removed", "eddy_current_corrected"} <= codes
    assert codes & {"drift", "large_drift"}
    written = {path.name for path in write_preprocessed(pre, tmp_path)}
    assert written == {"diff.nii.gz", "edit_0.nii.gz", "edit_1.nii.gz", "wref.nii.gz", "preproc.json"}
    assert {path.name for path in tmp_path.iterdir()} == written
    from nifti_mrs.nifti_mrs import NIFTI_MRS

    diff, off = (NIFTI_MRS(tmp_path / f"{name}.nii.gz") for name in ("diff", "edit_0"))
    assert diff.shape == (1, 1, 1, N)
    assert diff.dim_tags == [None, None, None]
    assert off.image.header["dim"][5] == 1
    assert off.dim_tags[0] == "DIM_EDIT"
    np.testing.assert_allclose(diff[:][0, 0, 0], s.diff / 2, atol=1e-4 * np.abs(s.diff).max())
    report = json.loads((tmp_path / "preproc.json").read_text())
    assert len(report["transients"]["edit_off"]["shifts_hz"]) == 16


def test_a_bad_transient_is_named():
    acq, _, _ = raw_acquisition(n_coils=1)
    fids = acq.fids.copy()
    fids[1, 0, 3] += 5 * lines([(30, 1.3, 60), (30, 3.4, 60)])
    pre = preprocess(replace(acq, fids=fids))
    assert pre.rejected == {"edit_off": (), "edit_on": (3,)}
    assert any(flag.code == "transients_rejected" and "edit_on" in flag.detail for flag in pre.spectra.flags)


def test_an_inverted_diff_alone_is_turned():
    pre = preprocess(acquisition(-lines(EDITED)[None, None, None] + noise(N, 0.05)))
    assert pre.spectra.present == ("diff",)
    axis = ppm_axis(N, DWELL_S, F0_MHZ)
    real = spectrum(pre.spectra.diff).real
    assert real[np.argmin(np.abs(axis - 2.008))] < 0 < real[np.argmin(np.abs(axis - 3.75))]


@pytest.mark.parametrize("fault", ["nan", "zero", "dwell", "coils"])
def test_faults_are_refused(fault):
    acq, water, _ = raw_acquisition(n_dyn=2)
    fids = acq.fids.copy()
    if fault == "nan":
        fids[0, 0, 0, 5] = np.nan
    if fault == "zero":
        fids[:] = 0
    if fault == "dwell":
        water = replace(water, dwell_s=2 * DWELL_S)
    if fault == "coils":
        water = replace(water, fids=water.fids[:, :2])
    with pytest.raises(DataError):
        preprocess(replace(acq, fids=fids), water)


@pytest.mark.with_shared
def test_real_data_with_14_hz_of_drift():
    path = SHARED / "invivo_raw" / "mpress_drift.nii.gz"
    if not path.exists():
        pytest.skip("../shared/data/invivo_raw is absent")
    from fsl_mrs_dl.io.nifti import read_acquisition

    acq = read_acquisition(path)
    pre = preprocess(acq)
    assert pre.width_after_hz <= 7.0 < 12.0 < pre.width_before_hz
    s = pre.spectra
    axis = ppm_axis(s.n_points, s.dwell_s, s.f0_mhz)
    diff, off = spectrum(s.diff).real, spectrum(s.edit_off).real

    def area(values, low, high):
        return values[(axis > low) & (axis < high)].mean()

    spread = diff[(axis > 3.3) & (axis < 3.6)].std()
    assert area(diff, 2.9, 3.1) > 2 * spread  # GABA+
    assert area(diff, 3.68, 3.82) > 2 * spread  # Glx
    assert diff[(axis > 1.9) & (axis < 2.1)].min() < -0.8 * off[(axis > 1.9) & (axis < 2.1)].max()
    assert np.abs(diff[(axis > 3.15) & (axis < 3.26)]).max() < 0.15 * off[(axis > 3.15) & (axis < 3.26)].max()  # Cho


@pytest.mark.with_shared
@pytest.mark.parametrize("name", ["phantom_dev/A1_04", "phantom_dev/A2_10", "phantom_dev/A3_05", "invivo_dev/B2_14"])
def test_virtual_pairs_are_put_to_their_places(name):
    path = SHARED / f"{name}.nii.gz"
    if not path.exists():
        pytest.skip("../shared/data is absent")
    from fsl_mrs_dl.io.nifti import read_acquisition

    s = preprocess(read_acquisition(path)).spectra
    n = 16 * s.n_points
    axis = ppm_axis(n, s.dwell_s, s.f0_mhz)
    values = spectrum(np.pad(s.edit_off, (0, n - s.n_points)))
    for ppm in (2.008, 3.027):
        near = np.flatnonzero(np.abs(axis - ppm) < 0.1)
        top = near[np.argmax(np.abs(values[near]))]
        assert axis[top] == pytest.approx(ppm, abs=0.03)
        assert abs(np.degrees(np.angle(values[top]))) < 20.0
