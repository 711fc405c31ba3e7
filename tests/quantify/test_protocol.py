# SPDX-License-Identifier: Apache-2.0
"""Protocols that a model was not trained on are refused, unless the user insists; what is not told is a caution."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.io.localisation import told_localisation
from fsl_mrs_dl.quantify.protocol import completed, differences, unknowns, with_protocol
from tests.helpers import EXAMPLE, pair_of, write_nifti
from tests.report_helpers import full

RANGES = {"te_s": (0.0655, 0.0705), "edit_on_ppm": (1.84, 1.96), "edit_duration_s": (0.014, 0.02)}


def pulses(on=1.9, off=7.5, duration_s=0.015):
    return {name: {"shift_ppm": at, "duration_s": duration_s} for name, at in (("ON", on), ("OFF", off))}


def spectra(te_s=0.068, pulse=None, header=None, **fids):
    fids = fids or {"edit_off": np.ones(8), "diff": np.ones(8)}
    pulse = pulses() if pulse is None else pulse
    return EditedSpectra(5e-4, 127.7, Path("x"), te_s=te_s, edit_pulse=pulse, header=header or {}, **fids)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (spectra(te_s=0.08), "echo time is 80 ms; the model was trained on 65.5 to 70.5 ms"),
        (spectra(te_s=0.03, pulse={}, edit_off=np.ones(8)), "30 ms, and nothing shows that it was edited"),
        (spectra(pulse=pulses(on=4.56)), "ON pulse stood at 4.56 ppm"),
        (spectra(pulse=pulses(off=1.5)), "OFF pulse stood at 1.5 ppm"),
        (spectra(pulse=pulses(duration_s=0.04)), "pulse lasted 40 ms"),
        (spectra(header={"SequenceName": "eja_svs_mslaser"}), "localised by semi-LASER (SequenceName of the header)"),
        (spectra(header={"EditTarget": "GSH"}), "GSH was edited"),
        (spectra(header={"EditPulse": {"ON": {"PulseOffset": [1.9, 4.56]}}}), "several bands"),
    ],
)
def test_what_the_model_was_not_trained_on_is_refused(data, words):
    (reason, *_) = differences(data, RANGES)
    assert words in reason
    result = replace(full(), model={"name": "m", "ranges": RANGES})
    refused = with_protocol(result, data)
    assert refused.refused
    assert refused.estimates == refused.combinations == ()
    assert not refused.classical
    assert "--any-protocol" in refused.flags[0].detail
    insisted = with_protocol(result, data, any_protocol=True)
    assert insisted.estimates == result.estimates
    assert words in next(flag.detail for flag in insisted.flags if flag.code == "other_protocol")


@pytest.mark.parametrize(
    "data",
    [
        spectra(),
        spectra(pulse=pulses(off=7.4, duration_s=0.016)),
        spectra(pulse=pulses(off=8.2, duration_s=0.025)),
        spectra(pulse=pulses(off=-3.0)),
        spectra(pulse=pulses(on=7.5, off=1.9)),
        spectra(header={"EditTarget": ["GABA+"]}),
        spectra(header={"SequenceName": "svs_edit", "ProtocolName": "Pain_laser_MEGA-PRESS"}),
        spectra(te_s=None, pulse={}),
    ],
)
def test_what_it_was_trained_on_or_nobody_tells_is_not(data):
    assert differences(data, RANGES) == []


def test_a_model_that_was_trained_wider_answers_more():
    wide = {**RANGES, "te_s": (0.0655, 0.0825), "edit_off_ppm": (1.45, 7.6)}
    assert differences(spectra(te_s=0.08, pulse=pulses(off=1.5)), wide) == []
    assert len(differences(spectra(te_s=0.08, pulse=pulses(off=1.5)), RANGES)) == 2


def test_a_model_of_semi_laser_answers_semi_laser():
    own = {**RANGES, "refocusing_pulses": (4.0, 4.0)}
    both = {**RANGES, "refocusing_pulses": (2.0, 4.0)}
    laser, press = (spectra(header={"PulseSequenceType": f"MEGA-{name}"}) for name in ("sLASER", "PRESS"))
    assert [len(differences(data, own)) for data in (laser, press)] == [0, 1]
    assert "localised by PRESS" in differences(press, own)[0]
    assert differences(press, own)[0].endswith("the model was trained on semi-LASER")
    assert [len(differences(data, both)) for data in (laser, press, spectra())] == [0, 0, 0]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ({"SequenceName": "%CustomerSeq%\\svs_slaserVOI_dkd2"}, "semi-LASER"),
        ({"SequenceName": "oslaser"}, "semi-LASER"),
        ({"PulseSequenceType": "MEGA-sLASER"}, "semi-LASER"),
        ({"PulseSequenceType": "HERMES", "ProtocolName": "MEGA_sLASER_TE80"}, "semi-LASER"),
        ({"ProtocolName": "gaba semi-LASER"}, "semi-LASER"),
        ({"SeriesDescription": "MRS_mslaser_acc"}, "semi-LASER"),
        # the name of the sequence counts before what people write
        ({"ProtocolName": "sLASER_old", "SequenceName": "mega_press_univ"}, "PRESS"),
        ({"SequenceName": "svs_se", "ProtocolName": "GABA_MEGA-PRESS_ACC"}, "PRESS"),
        ({"ProtocolName": "jpress_TE68"}, "PRESS"),
        ({"ProtocolName": "laser pain, blood pressure, his laser"}, None),
        ({"ProtocolName": "express depression"}, None),
        ({"SequenceName": 7, "ProtocolName": ["sLASER"]}, None),
        ({}, None),
    ],
)
def test_the_localisation_is_read_where_it_is_told(header, found):
    told = told_localisation(header)
    assert (told and told[0]) == found


def test_what_the_user_says_fills_the_header_up_and_does_not_replace_it():
    said = {"te_s": 0.08, "edit_on_ppm": 1.9, "edit_off_ppm": 7.5, "vendor": None}
    assert unknowns(completed(spectra(te_s=None, pulse={}), said)) == []
    assert completed(spectra(te_s=None), said).te_s == 0.08
    assert completed(spectra(te_s=0.068), said).te_s == 0.068
    assert completed(spectra(), None).edit_pulse == pulses()


def test_silence_is_a_caution():
    assert unknowns(spectra()) == []
    assert unknowns(spectra(te_s=None, pulse={})) == ["the echo time", "where the editing pulses stood"]
    found = with_protocol(replace(full(), model={"name": "m", "ranges": RANGES}), spectra(te_s=None))
    assert not found.refused
    assert Flag("protocol_unknown", "the echo time") in found.flags


def test_a_clipped_receiver_is_refused_whatever_the_user_insists_on():
    result = replace(full(), flags=(Flag("receiver_clipped", "32 of 32 transients"),))
    refused = with_protocol(result, spectra(), any_protocol=True)
    assert refused.refused
    assert "the receiver was clipped in 32 of 32 transients" in refused.flags[0].detail


def test_fit_refuses_and_obeys(tmp_path):
    pair = pair_of(noise=0.05, rng=np.random.default_rng(0))
    header = {"EchoTime": 0.08, "dim_5_header": {"EditCondition": ["OFF", "ON"]}}
    data = write_nifti(tmp_path / "te80.nii.gz", pair.T.reshape(1, 1, 1, -1, 2), header=header, dims=["DIM_EDIT"])

    def fit(output, *more):
        command = [sys.executable, "-m", "fsl_mrs_dl", "fit", "--data", str(data), "--output", str(tmp_path / output)]
        done = subprocess.run([*command, *more], capture_output=True, text=True, cwd=EXAMPLE.parent, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads((tmp_path / output / "quantities.json").read_text("utf-8"))

    refused = fit("refused")
    assert refused["refused"]
    assert not refused["metabolites"]
    assert "the echo time is 80 ms" in refused["flag_details"][0]["detail"]
    assert "outside_training" in refused["flags"]
    assert "other_protocol" in fit("insisted", "--any-protocol")["flags"]


def test_validate_and_fsl_mrs_refuse_and_obey_too(tmp_path, monkeypatch):
    from fsl_mrs_dl.fsl_plugin.request import estimate_file
    from fsl_mrs_dl.validation.run import Truth, run_cases

    pair = pair_of(noise=0.05, rng=np.random.default_rng(0))
    diff = write_nifti(tmp_path / "te80.nii.gz", (pair[1] - pair[0]).reshape(1, 1, 1, -1), header={"EchoTime": 0.08})

    truth = [Truth("te80", {"GABA": 1.0})]
    for insist in (False, True):
        (case,) = run_cases(tmp_path, truth, None, any_protocol=insist)
        assert case.refused is not insist
        assert ("other_protocol" in case.flags) is insist

        monkeypatch.setenv("FSL_MRS_DL_ANY_PROTOCOL", "1" if insist else "0")
        answer = estimate_file(diff, "", False).quantification
        assert answer.refused is not insist
        assert any(flag.code == "other_protocol" for flag in answer.flags) is insist
        # what would help is named as fsl_mrs has it
        assert answer.refused is ("FSL_MRS_DL_ANY_PROTOCOL=1" in answer.flags[0].detail)
