# SPDX-License-Identifier: Apache-2.0
"""The network is told of the protocol by the basis, the header or the user, in this order, or by nobody."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fsl_mrs_dl.basis.files import LineBasis, write_fsl_basis
from fsl_mrs_dl.basis.nominal import BODY_C, features_of
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.models.protocol_code import DESCRIBED, LIMIT, ProtocolCode
from fsl_mrs_dl.physics.sequences import mega_press
from fsl_mrs_dl.physics.simulate import simulate_metabolite
from fsl_mrs_dl.physics.spins import load_system
from fsl_mrs_dl.quantify.told import Told, check_protocol, features_of_folder, told_protocol

SPECTRA = EditedSpectra(5e-4, 127.7, Path("x"), edit_off=np.ones(8, complex), diff=np.ones(8, complex), te_s=0.068)
PULSES = {"ON": {"shift_ppm": 1.9, "duration_s": 0.014}, "OFF": {"shift_ppm": 7.5, "duration_s": 0.014}}


def basis_of(**fields):
    sequence = mega_press(f0_mhz=127.7, n_positions=12, **fields)
    systems = [load_system(name).at_temperature(BODY_C) for name in DESCRIBED]
    return LineBasis({s.name: simulate_metabolite(s, sequence) for s in systems}, sequence)


@pytest.fixture(scope="module")
def bases():
    return [basis_of(vendor="philips"), basis_of(edit_duration_s=0.02), basis_of(edit_on_ppm=1.86)]


@pytest.fixture(scope="module")
def model(bases):
    code = ProtocolCode.of(np.stack([features_of(basis) for basis in bases]), 2)
    return SimpleNamespace(card=SimpleNamespace(protocol=code.to_card()))


def test_a_model_that_takes_no_protocol_is_not_told():
    silent = SimpleNamespace(card=SimpleNamespace(protocol={}))
    told = told_protocol(SPECTRA, silent, options={"vendor": "philips"})
    assert told.source == "not asked"
    assert told.rows(3) is None
    assert told.to_dict()["told"] is False


def test_nothing_known_is_nothing_told(model):
    assert told_protocol(SPECTRA, model, options={"vendor": None, "edit_duration_s": None}).source == "unknown"
    told = told_protocol(SPECTRA, model)
    assert told.source == "unknown"
    assert not told.inputs.any()
    assert told.rows(4).shape == (4, 3)
    assert told.to_dict() == {"told": False, "from": "unknown", "te_s": 0.068, "distance": None, "limit": LIMIT}


def test_header_goes_before_the_users_words_and_both_are_told(bases, model):
    said = told_protocol(SPECTRA, model, options={"vendor": "philips"})
    assert (said.source, said.fields["vendor"]) == ("options", "philips")
    # a manufacturer has had several sequences: only the user can tell which one it was
    header = dataclasses.replace(SPECTRA, edit_pulse=PULSES, header={"Manufacturer": "GE"})
    told = told_protocol(header, model, options={"edit_duration_s": 0.02, "vendor": "philips"})
    assert told.source == "header"
    assert told.fields["edit_duration_s"] == 0.014
    code = ProtocolCode.from_card(model.card.protocol)
    np.testing.assert_allclose(told.inputs, code.known(features_of(bases[0])[None]), atol=1e-5)
    np.testing.assert_allclose(said.inputs, told.inputs, atol=1e-5)
    assert told.inputs[0, -1] == 1
    named, silent = (
        told_protocol(dataclasses.replace(SPECTRA, edit_pulse=PULSES, header=header), model)
        for header in ({"Manufacturer": "GE"}, {})
    )
    np.testing.assert_array_equal(named.inputs, silent.inputs)


def test_a_semi_laser_is_told_as_one(model):
    header = {"SequenceName": "svs_mslaser"}
    spectra = dataclasses.replace(SPECTRA, edit_pulse=PULSES, header=header)
    told = told_protocol(spectra, model)
    assert (told.source, told.fields["semi_laser"]) == ("header", True)
    assert told.distance > 2 * told_protocol(dataclasses.replace(SPECTRA, edit_pulse=PULSES), model).distance
    sequence = mega_press(f0_mhz=127.7, edit_duration_s=0.014, semi_laser=True)
    systems = [load_system(name).at_temperature(BODY_C) for name in DESCRIBED]
    code = ProtocolCode.from_card(model.card.protocol)
    pairs = {s.name: simulate_metabolite(s, sequence) for s in systems}
    assert told.distance == pytest.approx(code.distance(features_of(LineBasis(pairs, sequence))), rel=1e-3)


def test_a_basis_goes_before_everything(bases, model, tmp_path):
    write_fsl_basis(tmp_path, bases[1])
    told = told_protocol(dataclasses.replace(SPECTRA, edit_pulse=PULSES), model, basis=tmp_path)
    assert told.source == "basis"
    code = ProtocolCode.from_card(model.card.protocol)
    # the same protocol, through FSL-MRS's files: sampled and 2 Hz wide
    np.testing.assert_allclose(told.inputs, code.known(features_of(bases[1])[None]), atol=0.1)
    (tmp_path / "edit_off" / "GABA.json").unlink()
    assert features_of_folder(tmp_path) is None
    assert told_protocol(dataclasses.replace(SPECTRA, edit_pulse=PULSES), model, basis=tmp_path).source == "header"


def test_what_cannot_be_and_what_is_far_away_is_not_told(model):
    long = dataclasses.replace(SPECTRA, edit_pulse={"ON": {"shift_ppm": 1.9, "duration_s": 0.06}})
    assert told_protocol(long, model).source == "unknown"
    far = dataclasses.replace(SPECTRA, edit_pulse={"ON": {"shift_ppm": 4.5, "duration_s": 0.014}})
    told = told_protocol(far, model)
    assert told.source == "unknown"
    assert told.distance > LIMIT
    assert not told.inputs.any()


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"edit_duration_s": 14}, "edit_duration_s= is out of range; expected 0.002 to 0.06 s; got 14"),
        ({"edit_duration_s": 0}, "out of range"),
        ({"edit_duration_s": float("nan")}, "out of range"),
        ({"te_s": "68"}, "te_s= is no number"),
        ({"te_s": 68}, "expected 0.01 to 0.3 s"),
        ({"edit_on_ppm": float("inf")}, "edit_on_ppm="),
        ({"vendor": "simens"}, "did you mean 'siemens'"),
        ({"edit_duration": 0.014}, "did you mean 'edit_duration_s'"),
    ],
)
def test_what_no_protocol_can_be_is_refused(said, text):
    with pytest.raises(ConfigError, match=text):
        check_protocol(said)


def test_what_a_protocol_can_be_is_taken():
    check_protocol(None)
    check_protocol({"edit_duration_s": np.float32(0.02), "te_s": 0.08, "edit_off_ppm": 7, "vendor": None, "basis": "x"})


def test_without_a_protocol_there_is_nothing_to_repeat():
    assert Told().rows(2) is None


def test_a_basis_may_describe_the_protocol_and_do_no_more(bases, model, tmp_path):
    write_fsl_basis(tmp_path, bases[1])
    described = told_protocol(SPECTRA, model, options={"basis": tmp_path, "vendor": "philips"})
    assert described.source == "basis"
    np.testing.assert_array_equal(described.inputs, told_protocol(SPECTRA, model, basis=tmp_path).inputs)
    # one condition alone describes nothing
    (tmp_path / "edit_off").rename(tmp_path / "other")
    assert told_protocol(SPECTRA, model, options={"basis": tmp_path, "vendor": "philips"}).source == "options"


def test_a_told_protocol_that_the_spectrum_contradicts_is_a_caution(monkeypatch):
    from fsl_mrs_dl.quantify import told as module
    from fsl_mrs_dl.quantify.cautions import range_flags

    folder = SimpleNamespace(card=SimpleNamespace(protocol={"read": {}}, inputs={}))
    data = SimpleNamespace(channels=np.zeros((4, 721)), present=np.ones(2))
    told = Told(np.ones((1, 3), np.float32), "header", {}, 1.0)
    assert told.beside(data, folder).contradiction is None
    for value, flagged in ((3.0, False), (9.0, True)):
        monkeypatch.setattr(module, "contradiction", lambda *_, value=value: (value, 8.0))
        flags = [flag.code for flag in range_flags(told.beside(data, folder).checks())]
        assert ("protocol_contradicted" in flags) is flagged
