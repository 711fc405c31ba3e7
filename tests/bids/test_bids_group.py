# SPDX-License-Identifier: Apache-2.0
"""The group level on derivative datasets made by hand: columns of participants, site and vendor, refusals, repeats."""

import json

import numpy as np
import pytest

from fsl_mrs_dl.bids.columns import columns_of, participant_columns, scanner_columns
from fsl_mrs_dl.bids.derivative import COLUMNS
from fsl_mrs_dl.bids.group import collect, study, write_group
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.io.nifti import write_spectrum
from fsl_mrs_dl.reports.retest import icc_2_1
from tests.bids_helpers import rows_of

VENDORS = ("Siemens", "GE")


def write_scan(output, subject, session, value, flags=(), vendor=None):
    """What the participant level leaves of a scan, as far as the group level reads it."""
    folder = output / f"sub-{subject:02d}" / f"ses-{session}" / "mrs"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"sub-{subject:02d}_ses-{session}_acq-mega"
    lines = ["\t".join(COLUMNS)]
    if value is not None:
        lines.append("\t".join(("GABA", f"{value:.6g}", "/Cr+PCr", "0.02", "0.1", "0.5", "diff", "n/a")))
    (folder / f"{stem}_desc-dl_mrsquant.tsv").write_text("\n".join(lines) + "\n")
    quality = {"flags": [Flag(code).to_dict() for code in flags], "fit": {"snr": 40.0, "fwhm_hz": None}}
    (folder / f"{stem}_desc-dl_mrsqc.json").write_text(json.dumps(quality))
    (folder / f"{stem}_desc-dl_report.html").write_text("report")
    rows = [{"number": "1b", "items": [{"value": vendor}]}]
    checklist = {"site": {"value": "Oslo"}, "sections": [{"rows": rows}]}
    (folder / f"{stem}_desc-dl_mrsinmrs.json").write_text(json.dumps(checklist))
    return folder / stem


@pytest.fixture
def output(tmp_path):
    out = tmp_path / "out"
    rng = np.random.default_rng(3)
    for subject in range(1, 9):
        for session in (1, 2):
            value = 0.25 + 0.02 * subject + 0.005 * rng.standard_normal()
            write_scan(out, subject, session, value, vendor=VENDORS[subject % 2])
    path = write_scan(out, 9, 1, None, flags=("refused", "low_snr"))
    fid = np.exp(-20 * np.arange(1024) * 5e-4) + 0j
    write_spectrum(f"{path}_desc-diff_svs.nii.gz", fid, dwell_s=5e-4, f0_mhz=127.7)
    return out


def test_scans_have_the_columns_of_their_participants_and_the_vendor_of_their_header(output, tmp_path):
    (tmp_path / "participants.tsv").write_text(
        "participant_id\tsex\tage\thandedness\n" + "".join(f"sub-{k:02d}\tF\t{20 + k}\tn/a\n" for k in range(1, 9))
    )
    _, rows = collect(output)
    scans = {scan.name: scan for scan in study(output, rows, tmp_path)}
    assert scans["sub-03_ses-2_acq-mega"].columns == {"sex": "F", "age": "23", "site": "Oslo", "vendor": "GE"}
    assert scans["sub-03_ses-2_acq-mega"].report == "sub-03/ses-2/mrs/sub-03_ses-2_acq-mega_desc-dl_report.html"
    assert scans["sub-03_ses-2_acq-mega"].spectra == {}
    refused = scans["sub-09_ses-1_acq-mega"]
    assert (refused.verdict.state, refused.values) == ("refused", {})
    assert set(refused.spectra) == {"diff"}
    assert np.isnan(refused.fwhm_hz)
    assert refused.snr == 40.0


def test_site_and_vendor_of_the_participants_table_go_first():
    people = {"sub-01": {"site_id": "A"}, "sub-02": {}}
    scanners = {"x": {"site": "Oslo", "vendor": "GE"}}
    assert columns_of("x", "sub-01", people, scanners) == {"site_id": "A", "vendor": "GE"}
    assert columns_of("x", "sub-02", people, scanners) == {"vendor": "GE"}, "the column says it, if not for everybody"
    assert columns_of("x", "sub-03", {}, scanners) == {"site": "Oslo", "vendor": "GE"}


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"name\tage\nsub-01\t3\n"])
def test_a_table_of_participants_that_cannot_be_read_is_left_out_with_a_warning(tmp_path, content, caplog):
    (tmp_path / "participants.tsv").write_bytes(content)
    assert participant_columns(tmp_path) == {}
    assert "participants.tsv was left out" in caplog.text
    assert participant_columns(tmp_path / "none") == {}


def test_odd_tables_of_participants(tmp_path):
    text = "\ufeffparticipant_id\tsex\t\tage\r\nsub-01\tF\r\n\r\nsub-02\tM\tx\t30\textra\r\n"
    (tmp_path / "participants.tsv").write_text(text, encoding="utf-8")
    assert participant_columns(tmp_path) == {"sub-01": {"sex": "F"}, "sub-02": {"sex": "M", "age": "30"}}


def test_a_damaged_checklist_is_no_column(output):
    path = next(output.rglob("sub-01_ses-1*_mrsinmrs.json"))
    for content in ("{", "[]", '{"site": 3}', '{"site": {"value": 1}, "sections": 5}'):
        path.write_text(content)
        assert scanner_columns(output)["sub-01_ses-1_acq-mega"] == {}


def test_tables_of_the_group_and_their_descriptions(output):
    write_group(output)
    retest = rows_of(output / "group_desc-dl_retest.tsv")
    values = {}
    for row in rows_of(output / "group_desc-dl_mrsquant.tsv"):
        values.setdefault(row["participant_id"], []).append(float(row["value"]))
    (row,) = retest
    assert (row["metabolite"], row["kind"], row["n"]) == ("GABA", "sessions", "8")
    assert float(row["icc"]) == pytest.approx(icc_2_1(list(values.values())).value, rel=1e-9)
    for name in ("mrsquant", "mrsqc", "retest"):
        described = json.loads((output / f"group_desc-dl_{name}.json").read_text())
        assert set(rows_of(output / f"group_desc-dl_{name}.tsv")[0]) == set(described)
    assert len(rows_of(output / "group_desc-dl_mrsqc.tsv")) == 17
    # without repeats the table of an earlier run does not stay
    for path in output.rglob("*ses-2*_mrsquant.tsv"):
        path.unlink()
    write_group(output)
    assert not (output / "group_desc-dl_retest.tsv").exists()
    assert not (output / "group_desc-dl_retest.json").exists()


def test_flags_of_another_version_are_left_out(output):
    path = next(output.rglob("sub-01_ses-1*_mrsqc.json"))
    path.write_text(json.dumps({"flags": [{"code": "of_tomorrow"}, {"code": "low_snr", "detail": "x"}], "fit": [1]}))
    _, rows = collect(output)
    scan = next(scan for scan in study(output, rows) if scan.name == "sub-01_ses-1_acq-mega")
    assert [flag.code for flag in scan.flags] == ["low_snr"]
    assert scan.state == "look"
    assert "another version's" in scan.reason, "what the flag says is not known"
    assert np.isnan(scan.snr)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"flags": 5}'])
def test_a_scan_whose_quality_is_not_known_is_not_ok(output, content):
    path = next(output.rglob("sub-01_ses-1*_mrsqc.json"))
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    write_group(output)
    rows = {row["scan"]: row for row in rows_of(output / "group_desc-dl_mrsqc.tsv")}
    assert rows["sub-01_ses-1_acq-mega"]["verdict"] == "look"
    assert "quality file is missing, damaged" in rows["sub-01_ses-1_acq-mega"]["reason"]
    assert rows["sub-02_ses-1_acq-mega"]["verdict"] == "ok"


@pytest.mark.parametrize("before", ["GABA\t", "/Cr+PCr\t"])
def test_a_value_that_is_no_number_is_a_damaged_table(output, before):
    path = next(output.rglob("sub-01_ses-1*_mrsquant.tsv"))
    path.write_text(path.read_text().replace(before, f"{before}x"))
    with pytest.raises(DataError, match="damaged"):
        write_group(output)
