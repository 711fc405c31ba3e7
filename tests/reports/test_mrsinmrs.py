# SPDX-License-Identifier: Apache-2.0
"""The MRSinMRS checklist: what the header tells appears with its unit, what it does not tell is said to be missing."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.record import Coils, EddyCurrent, LineWidth, OnOffAlignment, Record, ResidualWater, Transients
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.preprocess.pipeline import preprocess
from fsl_mrs_dl.quantify.limits import LIMITS
from fsl_mrs_dl.reports.html import report as html
from fsl_mrs_dl.reports.words.checklist import NOT_IN_HEADER, Item
from fsl_mrs_dl.reports.words.mrsinmrs import mrsinmrs
from fsl_mrs_dl.reports.words.mrsinmrs_scan import NO_HEADER, NOT_USABLE
from tests.helpers import DWELL_S, F0_MHZ, pair_of, write_nifti
from tests.report_helpers import diff_only, full, refused
from tests.report_helpers import spectra as made_spectra

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "megapress_raw.nii.gz"
WATER = ROOT / "examples" / "water_reference.nii.gz"

MINIMAL = {"SpectrometerFrequency": [127.7], "ResonantNucleus": ["1H"]}
NIFTI = {
    **MINIMAL,
    "Manufacturer": "Siemens",
    "ManufacturersModelName": "Prisma",
    "SoftwareVersions": "syngo MR E11",
    "RxCoil": "HeadNeck_64",
    "TxCoil": "Body",
    "SequenceName": "svs_edit",
    "ProtocolName": "gaba_acc",
    "WaterSuppressed": True,
    "WaterSuppressionType": "CHESS",
    "SequenceTriggered": False,
    "TxOffset": -1.7,
    "InstitutionName": "Charité",
    "EchoTime": 0.068,
    "RepetitionTime": 2.0,
}
BIDS = {
    **MINIMAL,
    "Manufacturer": "Philips",
    "MagneticFieldStrength": 3,
    "ReceiveCoilName": "SENSE-Head-32",
    "NumberReceiveCoilActiveElements": 32,
    "PulseSequenceType": "MEGA-PRESS",
    "SequenceName": "mega68",
    "BodyPart": "BRAIN",
    "BodyPartDetails": "anterior cingulate cortex",
    "WaterSuppression": True,
    "WaterSuppressionTechnique": "VAPOR",
    "OuterVolumeSuppression": False,
    "B0ShimmingTechnique": "FASTMAP",
    "NumberOfTransients": 320,
    "AcquisitionVoxelSize": [30, 30, 27],
    "EditTarget": "GABA",
    "FlipAngle": 90,
    "InstitutionName": "n/a",
}


def spectra(header=None, **changes):
    base = made_spectra(full())
    pulses = {"ON": {"shift_ppm": 1.9, "duration_s": 0.014}, "OFF": {"shift_ppm": 7.5}}
    history = Record(
        coils=Coils(32),
        transients={
            "edit_off": Transients(20, (0.0,) * 3 + (40.0,) + (1.5,) * 16, rejected=(3,)),
            "edit_on": Transients(20, (0.0,) * 20),
        },
        on_off_alignment=OnOffAlignment(False, 0.0, 0.0, 1.0, 2.0),
        eddy_current=EddyCurrent(True),
        water=ResidualWater(True),
        cr_width_hz=LineWidth(15.0, 5.2),
    )
    affine = np.diag([20.0, 30.0, 40.0, 1.0])
    affine[:3, 3] = [1.0, -22.5, 31.0]
    given = {"header": NIFTI if header is None else header, "edit_pulse": pulses, "history": history, "affine": affine}
    return replace(base, **{**given, **changes})


def table(header=None, *, q=None, options=None, **changes):
    return mrsinmrs(q or full(), spectra(header, **changes), options or {})


def item(checklist, number, label=""):
    return next(i for i in checklist.row(number).items if i.label == label)


def cells(line):
    """Cells of one line of a markdown table; an escaped bar does not end a cell."""
    assert line.startswith("|")
    assert line.endswith("|")
    return [part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]]


def parsed(markdown):
    """Rows of the one table of the text: head, rule, body; each of three cells."""
    lines = markdown.split("\n\n")[0].split("\n")
    rows = [cells(line) for line in lines]
    assert {len(row) for row in rows} == {3}
    assert rows[1] == ["---"] * 3
    return rows


def test_the_points_are_those_of_the_paper():
    checklist = table()
    assert [(s.number, s.title) for s in checklist.sections] == [
        (1, "Hardware"),
        (2, "Acquisition"),
        (3, "Data analysis methods and outputs"),
        (4, "Data quality"),
    ]
    numbers = [row.number for section in checklist.sections for row in section.rows]
    wanted = [f"1{c}" for c in "abcde"] + [f"2{c}" for c in "abcdefghi"] + [f"{n}{c}" for n in (3, 4) for c in "abcd"]
    assert numbers == wanted
    assert "10.1002/nbm.4484" in checklist.reference


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1a", "from the proton frequency: 3 T; proton frequency: 127.7 MHz"),
        ("1b", "Siemens"),
        ("1c", "model: Prisma; software: syngo MR E11"),
        ("1d", "nucleus: 1H; receive: HeadNeck_64; transmit: Body; receive channels: 32"),
        ("2a", "svs_edit; protocol: gaba_acc"),
        ("2b", f"{NOT_IN_HEADER}; centre, NIfTI x, y, z: 1.0, -22.5, 31.0 mm"),
        ("2c", "20 × 30 × 40 mm; volume: 24 cm³"),
        ("2d", "TR: 2000 ms; TE: 68 ms"),
        ("2g", "used: yes; method: CHESS"),
    ],
)
def test_what_a_nifti_mrs_header_tells_appears_with_its_unit(number, text):
    checklist = table()
    assert checklist.row(number).text == text
    assert checklist.site.shown == "Charité"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1a", "nominal: 3 T; from the proton frequency: 3 T; proton frequency: 127.7 MHz"),
        ("1d", "nucleus: 1H; receive: SENSE-Head-32; transmit: not in the header; receive channels: 32"),
        ("2a", "MEGA-PRESS; editing for: GABA"),
        ("2b", "anterior cingulate cortex"),
        ("2c", "30 × 30 × 27 mm; volume: 24.3 cm³"),
        ("2g", "used: yes; method: VAPOR; outer-volume suppression: no"),
        ("2h", "method: FASTMAP; reference peak: not in the header; threshold: not in the header"),
    ],
)
def test_what_a_bids_sidecar_tells_appears_with_its_unit(number, text):
    # one channel and no size in the file: the sidecar is the only one to know
    checklist = table(BIDS, affine=np.diag([1e4, 1e4, 1e4, 1.0]), history=Record(coils=Coils(1)))
    assert checklist.row(number).text == text
    assert checklist.site.shown == NOT_IN_HEADER, "n/a is no site"
    assert item(checklist, "2e", "excitations in all").value == 320
    assert item(checklist, "2f", "excitation flip angle").shown == "90 degrees"


def test_what_the_header_does_not_tell_is_said_and_listed():
    checklist = table(
        MINIMAL, affine=np.diag([1e4, 1e4, 1e4, 1.0]), te_s=None, tr_s=None, edit_pulse={}, history=Record()
    )
    for number in ("1b", "1e", "2a", "2b", "2c"):
        assert checklist.row(number).text == NOT_IN_HEADER, number
    assert checklist.row("2d").text == "TR: not in the header; TE: not in the header"
    assert checklist.row("2i").text.count(NOT_IN_HEADER) == 2
    assert item(checklist, "1d", "receive channels").value is None
    assert item(checklist, "2f", "editing pulse ON, centre").shown == NOT_IN_HEADER
    assert {"site", "1b Manufacturer", "2c Nominal VOI size", "2d TE", "2g method", "2h threshold"} <= set(
        checklist.missing
    )
    assert "2f spectral width" not in checklist.missing
    assert checklist.row("3b").text == "no step was recorded"


def test_where_no_header_came_along_it_is_not_said_to_be_silent():
    checklist = table({})
    assert checklist.row("1b").text == NO_HEADER
    assert NOT_IN_HEADER not in checklist.to_markdown()


@pytest.mark.parametrize("affine", [np.eye(4), np.diag([30.0, 30.0, 1e4, 1.0]), np.full((4, 4), np.nan)])
def test_a_default_affine_is_no_voxel(affine):
    assert table(affine=affine).row("2c").text == NOT_IN_HEADER
    assert "centre" not in table(affine=affine).row("2b").text


def test_an_oblique_voxel_keeps_its_edges():
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([20.0, 30.0, 40.0])
    assert table(affine=affine).row("2c").text == "20 × 30 × 40 mm; volume: 24 cm³"


def test_entries_of_a_wrong_kind_are_called_unusable():
    wrong = {**NIFTI, "EchoTime": 68.0, "WaterSuppressed": "maybe", "AcquisitionVoxelSize": [3, "x", 3]}
    checklist = table(wrong, te_s=None, affine=np.eye(4))
    assert item(checklist, "2d", "TE").shown == NOT_USABLE
    assert item(checklist, "2g", "used").shown == NOT_USABLE
    assert checklist.row("2c").text == NOT_USABLE
    defined = {**MINIMAL, "Manufacturer": {"Value": "GE", "Description": "user-defined"}}
    assert table(defined).row("1b").text == "GE"


def test_transients_sampling_and_pulses_have_their_figures():
    checklist = table()
    assert item(checklist, "2e", "FIDs in the data, edit_off").value == 20
    assert item(checklist, "2e", "averaged, edit_off").value == 19
    assert item(checklist, "2e", "excitations in all").shown == NOT_IN_HEADER, "a FID may be an average"
    assert item(checklist, "2f", "spectral width").shown == "2000 Hz"
    assert item(checklist, "2f", "points").value == 512
    assert item(checklist, "2f", "transmit frequency offset").shown == "-1.7 ppm"
    assert item(checklist, "2f", "editing pulse ON, centre").shown == "1.9 ppm"
    assert item(checklist, "2f", "editing pulse ON, duration").shown == "14 ms"
    assert item(checklist, "2f", "editing pulse OFF, duration").shown == NOT_IN_HEADER
    assert item(checklist, "4b", "left out of edit_off").value == "1 of 20 (numbers 3, counted from 0)"
    assert item(checklist, "4a", "frequency drift").shown == "1.5 Hz", "the transient that was left out does not count"


def test_a_pulse_without_duration_is_not_called_unusable():
    pulses = {"ON": {"PulseOffset": 1.9, "PulseDuration": 14.0}, "OFF": {"PulseOffset": 7.5}}
    # 14 s were not believed when the file was read
    checklist = table({**NIFTI, "EditPulse": pulses}, edit_pulse={"ON": {"shift_ppm": 1.9}, "OFF": {"shift_ppm": 7.5}})
    assert item(checklist, "2f", "editing pulse ON, duration").shown == NOT_USABLE
    assert item(checklist, "2f", "editing pulse OFF, duration").shown == NOT_IN_HEADER


def test_only_steps_on_record_are_reported():
    steps = table().row("3b").text
    for words in ("32 coils combined", "transients aligned", "eddy currents corrected", "HLSVD"):
        assert words in steps, words
    assert "ON aligned to OFF" not in steps, "it was not applied"
    applied = [{"Method": "Phasing", "Program": "FSL-MRS", "Version": "2.4.11"}, {"Method": "RF coil combination"}]
    earlier = item(table({**NIFTI, "ProcessingApplied": applied}), "3b", "before this program")
    assert earlier.value == "Phasing (FSL-MRS 2.4.11), RF coil combination"


def test_averages_of_fsl_mrs_are_not_counted_as_transients():
    single = Record(transients={name: Transients(1, (0.0,)) for name in ("edit_off", "edit_on")})
    checklist = table(history=single, flags=(Flag("preprocessed_by_fsl"),))
    assert "fsl_mrs_preproc_edit averaged them" in checklist.row("2e").text
    assert "fsl_mrs_preproc_edit" in checklist.row("3a").text
    assert "FIDs in the data, edit_off" not in checklist.row("2e").text
    assert item(checklist, "4b", "transients left out").value is None
    assert "before alignment" not in checklist.row("4a").text


def test_result_model_and_quality_are_reported():
    checklist = table()
    assert "mega3t, version 1.0, SHA-256 aaaaaaaaaaaa" in checklist.row("3a").text
    assert checklist.row("3c").text.startswith("ratio to Cr+PCr, raw amplitude")
    assert item(checklist, "3c", "not visible, not reported").value == "Asc"
    assert item(checklist, "3d", "internal reference").value == "Cr+PCr"
    assert item(checklist, "3d", "water reference").value == "none"
    assert item(checklist, "4a", "FWHM of the fitted lines").shown == "6.4 Hz"
    assert item(checklist, "4a", "FWHM of Cr at 3.03 ppm in edit_off").shown == "5.2 Hz"
    assert item(checklist, "4a", "SNR of GABA").value == 20.0
    assert "low_snr (9 < 15)" in item(checklist, "4b", "cautions").value
    assert item(checklist, "4c", "outside the training ranges").value == "snr 9 (15 to 250)"
    assert item(table(q=diff_only()), "3d", "internal reference").value == "NAA"
    assert item(table(q=diff_only()), "4a", "FWHM of the fitted lines").shown == "not measured"


def test_limits_are_those_of_the_program():
    words = item(mrsinmrs(full(), spectra()), "4b", "data sets refused when").value
    assert words.startswith(f"SNR below {LIMITS.refuse_snr:g}, ")


def test_water_and_its_constants_are_reported():
    water = {
        "water_te_s": 0.03,
        "water_tr_s": 2.0,
        "corrected": True,
        "alpha": 0.5,
        "tissue_fractions": {"GM": 0.6, "WM": 0.3, "CSF": 0.1},
        "water": {"GM": {"t1_s": 1.331, "t2_s": 0.11, "content": 0.78, "source": "Lu 2005"}},
        "metabolites": {n: {"t1_s": 1.2, "t2_s": 0.2, "source": "Puts 2013"} for n in ("GABA", "Glu")},
    }
    q = replace(full(), water=water, absolute={"GABA": {"mmol_per_kg": {"value": 2.0}}})
    checklist = table(q=q, options={"h2o": "w.nii.gz", "tissue": "fractions.json"})
    assert "mmol per kg" in checklist.row("3c").text
    text = checklist.row("3d").text
    for words in (
        "TE taken for it: 30 ms",
        "GM 0.6, WM 0.3, CSF 0.1",
        "water in GM: T1 1.331 s, T2 0.11 s, content 0.78 (Lu 2005)",
        "relaxation of GABA, Glu: T1 1.2 s, T2 0.2 s (Puts 2013)",
        "alpha of GABA: 0.5",
    ):
        assert words in text, words
    alone = table(q=replace(q, water={"corrected": False}), options={"h2o": "w.nii.gz"})
    assert "not corrected" in item(alone, "3d", "tissue and relaxation").value


def test_a_refusal_gives_the_reason_and_no_number_of_the_network():
    # even when the object carries values by mistake
    q = replace(refused(), estimates=full().estimates, combinations=full().combinations, qc=full().qc)
    checklist = table(q=q)
    assert item(checklist, "4b", "this one").value == "refused: no signal above the noise"
    assert checklist.row("3c").text == "none: the data were refused"
    text = checklist.to_markdown()
    assert "GABA" not in text
    assert "SNR of" not in text
    assert item(checklist, "4c", "outside the training ranges").value == "fwhm_hz not measured (2 to 14)"


def test_markdown_is_one_table_whatever_the_header_holds():
    bad = "a|b\nc <script>*d* `e` [f](x) \\ _g_ h_i"
    markdown = table({**NIFTI, "Manufacturer": bad}).to_markdown()
    rows = parsed(markdown)
    shown = next(row[2] for row in rows if row[0] == "1b")
    assert shown == r"a\|b c &lt;script>\*d\* \`e\` \[f\](x) \\ \_g\_ h_i"
    assert len(rows) == 3 + 4 + 22, "head, rule, site, four sections, 22 points"
    assert markdown.rstrip().endswith("10.1002/nbm.4484")


def test_json_holds_numbers_units_and_sources():
    content = json.loads(json.dumps(table().to_dict(), allow_nan=False))
    assert content["format"] == "fsl_mrs_dl mrsinmrs 1"
    rows = {row["number"]: row for section in content["sections"] for row in section["rows"]}
    echo = next(i for i in rows["2d"]["items"] if i["label"] == "TE")
    assert echo == {"label": "TE", "value": 68.0, "unit": "ms", "source": "EchoTime", "text": "68 ms"}
    extra = rows["1e"]["items"][0]
    assert (extra["value"], extra["source"], extra["text"]) == (None, None, NOT_IN_HEADER)
    assert "1e Additional hardware" in content["missing"]
    everything = [i for row in rows.values() for i in row["items"] if i["value"] is not None]
    assert all(i["source"] for i in everything), "each value says where it comes from"


def test_names_of_patients_stay_out():
    private = {**NIFTI, "PatientName": "Doe^Jane", "PatientID": "4711", "PatientDoB": "19700101"}
    checklist = table(private)
    text = checklist.to_markdown() + json.dumps(checklist.to_dict())
    assert not re.search(r"Doe|4711|19700101", text)


@pytest.mark.parametrize("value", [None, "", float("nan"), float("inf")])
def test_an_item_without_value_is_missing(value):
    one = Item("x", value, "Hz", "data")
    assert not one.known
    assert one.shown == NOT_IN_HEADER
    assert one.to_dict()["value"] is None


def test_report_shows_the_checklist_folded():
    text = html.render_report(full(), spectra=spectra(), options={}, reproduce="")
    part = text.split("<summary>MRSinMRS")[1].split("</details>")[0]
    assert text.split("<summary>MRSinMRS")[0].endswith("<details>"), "folded: no open attribute"
    for words in ("Siemens", "20 × 30 × 40 mm", "TE: 68 ms", "not in the header", "10.1002/nbm.4484"):
        assert words in part, words
    bad = html.render_report(full(), spectra=spectra({"Manufacturer": "<b>x"}), options={}, reproduce="")
    assert "<b>x" not in bad


def test_the_header_travels_through_preprocessing(tmp_path):
    data = pair_of(noise=0.01, rng=np.random.default_rng(0)).T[None, None, None].astype(np.complex64)
    header = {"dim_5": "DIM_EDIT", "dim_5_header": {"EditCondition": ["OFF", "ON"]}, **NIFTI}
    path = tmp_path / "pair.nii.gz"
    write_nifti(path, data, header=header, dims=("DIM_EDIT",))
    acquisition = read_acquisition(path)
    for done in (preprocess(acquisition), preprocess(alone(acquisition))):
        checklist = mrsinmrs(full(), done.spectra)
        assert checklist.row("1b").text == "Siemens"
        assert item(checklist, "1d", "receive").value == "HeadNeck_64"


def alone(acquisition):
    """OFF of a pair, as a file with it alone would be read."""
    return Acquisition(
        acquisition.fids[:1], DWELL_S, F0_MHZ, acquisition.source, conditions=("edit_off",), header=acquisition.header
    )


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """`fit` on the example, as a user calls it."""
    folder = tmp_path_factory.mktemp("fit") / "out"
    done = subprocess.run(
        [sys.executable, "-m", "fsl_mrs_dl", "fit", "--data", EXAMPLE, "--h2o", WATER, "--output", folder, "--report"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_fit_writes_the_table_of_the_example(output):
    rows = {row[0]: row[2] for row in parsed((output / "mrsinmrs.md").read_text("utf-8"))}
    assert rows["1a"].endswith("127.73 MHz")
    assert rows["2d"] == "TR: 2000 ms; TE: 68 ms"
    assert rows["2c"] == NOT_IN_HEADER, "the example has no position"
    assert "receive channels: 4" in rows["1d"]
    assert "editing pulse ON, duration: 15 ms" in rows["2f"]
    assert "left out of edit_off: 1 of 16 (numbers 5, counted from 0)" in rows["4b"]
    assert "institutional units" in rows["3c"]
    assert "<summary>MRSinMRS" in (output / "report.html").read_text("utf-8")


def test_fit_writes_the_same_as_json(output):
    content = json.loads((output / "mrsinmrs.json").read_text("utf-8"))
    quantities = json.loads((output / "quantities.json").read_text("utf-8"))
    rows = {row["number"]: row["items"] for section in content["sections"] for row in section["rows"]}
    quality = {i["label"]: i["value"] for i in rows["4a"]}
    assert quality["FWHM of the fitted lines"] == pytest.approx(quantities["fit_parameters"]["fwhm_hz"], rel=5e-3)
    assert quality["SNR of NAA"] == pytest.approx(quantities["quality"]["NAA"]["snr"], rel=5e-3)
    assert quantities["model"]["name"] in json.dumps(rows["3a"])
    assert "1b Manufacturer" in content["missing"]
