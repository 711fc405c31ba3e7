# SPDX-License-Identifier: Apache-2.0
"""FSL-MRS's sequence files: units, signs, gradients and faults."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.basis.fsl_sequence import describe_as_fsl, is_fsl_sequence, parse_fsl_sequence
from fsl_mrs_dl.basis.protocol_file import read_protocol
from fsl_mrs_dl.core.constants import GAMMA_H_MHZ_PER_T
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.physics.sequences import MegaPress
from fsl_mrs_dl.physics.simulate import simulate
from fsl_mrs_dl.physics.spins import SpinGroup, SpinSystem, load_system

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "sequences"


def singlet(ppm):
    return SpinSystem("X", (SpinGroup((ppm,)),))


def total(values, system):
    return simulate(system, [parse_fsl_sequence(values, "seq").experiment])[0].amplitude.sum()


@pytest.fixture
def hard():
    """A 90 degree pulse about y of 10 us, in Hz."""
    return {
        "B0": 3.0,
        "Rx_Points": 1024,
        "Rx_SW": 2000.0,
        "Rx_LW": 2.0,
        "x": [0, 0],
        "y": [0, 0],
        "z": [0, 0],
        "resolution": [1, 1, 1],
        "CoherenceFilter": [-1],
        "RFUnits": "Hz",
        "GradUnits": "mT",
        "spaceUnits": "mm",
        "centralShift": 3.0,
        "delays": [0.0],
        "rephaseAreas": [[0, 0, 0]],
        "RF": [{"time": 1e-5, "amp": [25000.0], "phase": [np.pi / 2], "grad": [0, 0, 0]}],
    }


def press():
    return json.loads((EXAMPLES / "examplePRESS.json").read_text())


def test_hard_pulse_gives_a_proton_with_phase_zero(hard):
    assert total(hard, singlet(3.0)) == pytest.approx(1.0, abs=1e-9)


def test_phase_offset_and_receiver_phase_add_up(hard):
    hard["RF"][0]["phaseOffset"] = 0.3
    turned = total(hard, singlet(3.0))
    assert turned == pytest.approx(np.exp(0.3j), abs=1e-9)
    hard["Rx_Phase"] = -0.3
    assert total(hard, singlet(3.0)) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(("unit", "factor"), [("T", 1e-6), ("mT", 1e-3), ("uT", 1.0)])
def test_units_of_the_transmit_field(hard, unit, factor):
    hard["RFUnits"] = unit
    hard["RF"][0]["amp"] = [25000.0 / GAMMA_H_MHZ_PER_T * factor]
    assert total(hard, singlet(3.0)) == pytest.approx(1.0, abs=1e-9)
    hard["RF"][0]["ampScale"] = 1 / 3
    assert abs(total(hard, singlet(3.0))) == pytest.approx(0.5, abs=1e-9)  # 30 degrees


def test_frequency_offset_moves_the_pulse_to_higher_ppm(hard):
    # a soft 90 degree pulse, 10 ms, 100 Hz above the transmitter
    hard["RF"][0].update(time=0.01, amp=[25.0] * 50, phase=[0.0] * 50, frequencyOffset=100.0)
    f0_mhz = 3.0 * GAMMA_H_MHZ_PER_T
    above, below = (abs(total(hard, singlet(3.0 + offset / f0_mhz))) for offset in (100.0, -100.0))
    assert above == pytest.approx(1.0, abs=1e-3)
    assert below < 0.3


@pytest.mark.parametrize("units", [("mT", "mm"), ("T", "m"), ("Hz", "cm")])
def test_gradients_and_positions_in_any_unit_give_one_signal(units):
    gradient_unit, space_unit = units
    per_mt = {"mT": 1.0, "T": 1e-3, "Hz": GAMMA_H_MHZ_PER_T * 1e3}[gradient_unit]
    per_mm = {"mm": 1.0, "m": 1e-3, "cm": 0.1}[space_unit]
    values = press()
    expected = total(press(), singlet(2.0))
    values.update(GradUnits=gradient_unit, spaceUnits=space_unit)
    for axis in "xyz":
        values[axis] = [v * per_mm for v in values[axis]]
    for pulse in values["RF"]:
        pulse["grad"] = [g * per_mt for g in pulse["grad"]]
    values["rephaseAreas"] = [[a * per_mt for a in row] for row in values["rephaseAreas"]]
    assert total(values, singlet(2.0)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["examplePRESS", "exampleSTEAM"])
def test_example_sequences_leave_an_upright_line_of_any_shift(name):
    sequence = parse_fsl_sequence(json.loads((EXAMPLES / f"{name}.json").read_text("utf-8")), name)
    values = [simulate(singlet(ppm), [sequence.experiment])[0].amplitude.sum() for ppm in (1.3, 2.7, 4.0)]
    # the field is 1.6 slices wide in three directions; STEAM keeps half
    expected = (0.5 if name == "exampleSTEAM" else 1.0) / 1.6**3
    assert np.abs(values) == pytest.approx([expected] * 3, rel=0.25)
    assert np.angle(values) == pytest.approx([0.0] * 3, abs=2e-3)


def test_press_example_refocuses_shift_and_leaves_coupling():
    # an AX pair: the doublet has evolved under J for the whole echo time, but for the 5 % of the slices where the
    # displacement between the two shifts leaves one of them out
    j_hz, te_s = 4.0, 0.030
    ax = SpinSystem("AX", (SpinGroup((2.45, 2.95), ((0, 1, j_hz),)),))
    lines = simulate(ax, [parse_fsl_sequence(press(), "seq").experiment])[0]
    low = lines.shift_hz < np.median(lines.shift_hz)
    order = np.argsort(lines.shift_hz[low])
    phases = np.angle(lines.amplitude[low][order])
    assert phases == pytest.approx([-np.pi * j_hz * te_s, np.pi * j_hz * te_s], abs=0.05)


def test_our_own_protocol_survives_the_form_of_fsl_mrs():
    protocol = MegaPress(refocusing="slr", n_positions=4)
    for experiment in protocol.experiments():
        values = json.loads(
            json.dumps(describe_as_fsl(experiment, "MEGA-PRESS", n_points=512, dwell_s=4e-4, lw_hz=1.0))
        )
        assert is_fsl_sequence(values)
        back = parse_fsl_sequence(values, "seq")
        assert (back.n_points, back.dwell_s, back.lw_hz) == (512, pytest.approx(4e-4), 1.0)
        expected = simulate(load_system("Lac"), [experiment])[0].fid(512, 4e-4)
        # their mean over positions has no field of view in it, and an ideal pulse lasts a nanosecond
        fid = simulate(load_system("Lac"), [back.experiment])[0].scaled(experiment.scale).fid(512, 4e-4)
        np.testing.assert_allclose(fid, expected, atol=2e-4 * np.abs(expected).max())


def test_phase_cycles_cannot_be_told():
    experiment = MegaPress(selection="phase_cycle").experiments()[0]
    with pytest.raises(ConfigError, match="no phase cycles"):
        describe_as_fsl(experiment, "x")


FAULTS = [
    (lambda v: v.pop("RF"), "field 'RF' is missing"),
    (lambda v: v.update(CoherenceFliter=[-1]), "unknown field 'CoherenceFliter'.*did you mean 'CoherenceFilter'"),
    (lambda v: v["RF"][0].update(freqOffset=1), "unknown field 'freqOffset'"),
    (lambda v: v["RF"][0].pop("amp"), "field 'amp' is missing"),
    (lambda v: v["RF"][0].update(phase=[0.0, 1.0]), "same length"),
    (lambda v: v["RF"][0].update(amp=["a"]), "must hold numbers"),
    (lambda v: v["RF"][0].update(grad=[0.0, 1.0]), "grad has the wrong size"),
    (lambda v: v["RF"][0].update(time=-1.0), "time must be"),
    (lambda v: v.update(RF=[]), "list of blocks"),
    (lambda v: v.update(RF=[3]), "JSON object"),
    (lambda v: v.update(delays=[0.0, 0.0]), "delays has the wrong size"),
    (lambda v: v.update(delays=[-1.0]), "negative"),
    (lambda v: v.update(rephaseAreas=[[0, 0]]), "rephaseAreas has the wrong size"),
    (lambda v: v.update(CoherenceFilter=[0]), "must end on -1"),
    (lambda v: v.update(CoherenceFilter=[0.5]), "whole numbers"),
    (lambda v: v.update(CoherenceFilter=[-1, -1]), "one entry per block"),
    (lambda v: v.update(RFUnits="Gauss"), "RFUnits is not a known unit"),
    (lambda v: v.update(spaceUnits="inch"), "spaceUnits is not a known unit"),
    (lambda v: v.update(Nucleus="31P"), "only protons"),
    (lambda v: v.update(B0="high"), "B0 must be a number"),
    (lambda v: v.update(B0=float("nan")), "B0 must be a number"),
    (lambda v: v.update(Rx_SW=0.0), "Rx_SW must be"),
    (lambda v: v.update(resolution=[1, 1, 0]), "three whole numbers"),
    (lambda v: v.update(resolution=[1, 1, 1e9]), "three whole numbers"),
    (lambda v: v.update(x=[0.0]), "x has the wrong size"),
]


@pytest.mark.parametrize(("change", "text"), FAULTS)
def test_each_fault_is_one_line_that_names_the_field(hard, change, text):
    values = copy.deepcopy(hard)
    change(values)
    with pytest.raises(ConfigError, match=text) as error:
        parse_fsl_sequence(values, "seq.json")
    assert "\n" not in str(error.value)
    assert "seq.json" in str(error.value)


@pytest.mark.parametrize(("content", "text"), [(None, "cannot be read"), ("{", "not JSON"), ("[]", "JSON object")])
def test_unreadable_files(tmp_path, content, text):
    if content is not None:
        (tmp_path / "s.json").write_text(content)
    with pytest.raises(ConfigError, match=text):
        read_protocol(tmp_path / "s.json")
