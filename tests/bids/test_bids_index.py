# SPDX-License-Identifier: Apache-2.0
"""What the BIDS App finds in a dataset: scans, sidecars, references, filters, names."""

import json
import shutil
from pathlib import Path

import pytest

from fsl_mrs_dl.bids.dataset import Filters, NoInputError, find_scans
from fsl_mrs_dl.bids.filters import read_filter_file
from fsl_mrs_dl.bids.names import BidsName
from fsl_mrs_dl.bids.sidecar import with_sidecar
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io.nifti import read_acquisition, write_spectrum
from tests.bids_helpers import call, make_dataset, spectra


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("study") / "raw")


def test_dry_run_lists_pairs_and_writes_nothing(study, tmp_path):
    done = call(study, tmp_path / "out", "participant", "--dry-run", "--participant_label", "sub-02")
    assert done.returncode == 0
    assert "sub-02_ses-pre_acq-megapress68_mrsref.nii.gz" in done.stdout
    assert "sub-01" not in done.stdout
    assert not (tmp_path / "out").exists()


def test_milliseconds_of_a_sidecar_become_seconds_and_fill_the_header(study):
    scan = find_scans(study)[0]
    filled = with_sidecar(read_acquisition(scan.path), scan.metadata)
    assert filled.edit_pulse["ON"] == {"shift_ppm": 1.9, "duration_s": pytest.approx(0.014)}
    assert filled.conditions == ("edit_off", "edit_on")
    assert (filled.te_s, filled.tr_s) == (0.068, 2.0)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        (
            "SpectrometerFrequency",
            [123.2],
            r"in SpectrometerFrequency; expected 127\.75 \(header\); got 123\.2 \(sidecar",
        ),
        ("SpectralWidth", 4000, r"in SpectralWidth; expected 2000 \(header\); got 4000 \(sidecar\)"),
        ("EchoTime", 0.08, r"in EchoTime; expected 0\.068 \(header\); got 0\.08 \(sidecar\)"),
        ("RepetitionTime", 1.5, r"in RepetitionTime; expected 2 \(header\); got 1\.5 \(sidecar\)"),
        ("ResonantNucleus", ["31P"], r"in ResonantNucleus; expected 1H \(header\); got 31P \(sidecar\)"),
        ("EditCondition", ["ON", "OFF"], r"in EditCondition; expected edit_off, edit_on \(header\); got edit_on"),
        ("EditPulse", {"ON": {"FrequencyOffset": 1.8}}, r"ON pulse; expected 1\.9 ppm \(header\); got 1\.8 ppm"),
        ("EditPulse", {"OFF": {"FrequencyOffset": 7.46, "PulseDuration": 20}}, r"expected 14 ms \(header\); got 20 ms"),
        ("EditPulse", {"ON": {"FrequencyOffset": 1.9, "PulseDuration": 0.014}}, "BIDS has PulseDuration in ms"),
        ("EchoTime", 68, "EchoTime in the sidecar is impossible; expected a number in s"),
        ("EchoTime", "0.068", r"EchoTime in the sidecar is impossible; expected a number in s, up to 1; got '0\.068'"),
        ("RepetitionTime", "2 s", "RepetitionTime in the sidecar is impossible"),
    ],
)
def test_contradictions_name_both_values(study, key, value, text):
    """Against a header that says all of it."""
    scan = find_scans(study)[0]
    header = with_sidecar(read_acquisition(scan.path), scan.metadata)
    with pytest.raises(DataError, match=text):
        with_sidecar(header, {**scan.metadata, key: value})


def test_sidecars_are_inherited_and_the_nearest_wins(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    (root / "svs.json").write_text(json.dumps({"Manufacturer": "Philips", "EchoTime": 0.03}))
    (root / "acq-megapress68_svs.json").write_text(json.dumps({"SoftwareVersions": "R5"}))
    metadata = find_scans(root)[0].metadata
    assert metadata["Manufacturer"] == "Philips"
    assert metadata["SoftwareVersions"] == "R5"
    assert metadata["EchoTime"] == 0.068


def test_references_are_paired_by_name_by_label_and_by_suffix(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    folder = root / "sub-01" / "ses-pre" / "mrs"
    own = folder / "sub-01_ses-pre_acq-megapress68_mrsref.nii.gz"
    # HBCD's suffix
    own.rename(folder / "sub-01_ses-pre_acq-megapress68_ref.nii.gz")
    assert find_scans(root)[0].reference.name.endswith("_ref.nii.gz")
    # one run more than the scan: the only reference of the acquisition, and said
    (folder / "sub-01_ses-pre_acq-megapress68_ref.nii.gz").rename(
        folder / "sub-01_ses-pre_acq-megapress68_run-1_ref.nii.gz"
    )
    scan = find_scans(root)[0]
    assert scan.reference.name.endswith("run-1_ref.nii.gz")
    assert "acq label" in scan.notes[0]
    # named by the sidecar
    sidecar = folder / "sub-01_ses-pre_acq-megapress68_svs.json"
    (folder / "sub-01_ses-pre_acq-water_mrsref.nii.gz").touch()
    named = "bids::sub-01/ses-pre/mrs/sub-01_ses-pre_acq-water_mrsref.nii.gz"
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "ReferenceSignal": named}))
    assert "acq-water" in find_scans(root)[0].reference.name
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "ReferenceSignal": "bids::nowhere.nii.gz"}))
    first, second = find_scans(root)
    assert "ReferenceSignal" in first.problem
    assert second.problem is None


BIGGABA = {
    "ResonantNucleus": ["1H"],
    "SpectrometerFrequency": [127.751],
    "SpectralWidth": 2000,
    "RepetitionTime": 2,
    "NumberOfSpectralPoints": 2048,
    "Manufacturer": "Philips",
    "PulseSequenceType": "MEGA-PRESS",
    "BodyPart": "BRAIN",
    "BodyPartDetails": "Medial parietal lobe",
    "AcquisitionVoxelSize": [30, 30, 30],
    "ChemicalShiftOffset": 4.68,
    "ChemicalShiftReference": 3,
    "WaterSuppressionTechnique": "VAPOR",
}
"""What the sidecars of bids-examples' mrs_biggaba say (https://github.com/bids-standard/bids-examples)."""


@pytest.fixture(scope="module")
def biggaba(tmp_path_factory):
    """Names and sidecars of mrs_biggaba, 12 participants with three acquisitions each; its images are empty files."""
    root = tmp_path_factory.mktemp("biggaba") / "mrs_biggaba"
    root.mkdir()
    (root / "dataset_description.json").write_text(json.dumps({"Name": "Big GABA", "BIDSVersion": "1.10.0"}))
    pair, water = spectra(3)
    for participant in (f"{number:02d}" for number in range(1, 13)):
        folder = root / f"sub-{participant}" / "mrs"
        folder.mkdir(parents=True)
        for acquisition, te_s, off_ppm, duration_ms in (
            ("megapress68", 0.068, 7.46, 15),
            ("megapress80", 0.08, 1.5, 20),
            ("press", 0.035, None, None),
        ):
            stem = folder / f"sub-{participant}_acq-{acquisition}"
            sidecar = {**BIGGABA, "EchoTime": te_s, "NumberOfTransients": 320, "WaterSuppression": True}
            if off_ppm is not None:
                pulses = {
                    name: {"FrequencyOffset": ppm, "PulseDuration": duration_ms}
                    for name, ppm in (("ON", 1.9), ("OFF", off_ppm))
                }
                sidecar |= {"EditTarget": "GABA", "EditPulse": pulses, "EditCondition": ["ON", "OFF"]}
            Path(f"{stem}_svs.json").write_text(json.dumps(sidecar))
            reference = {**BIGGABA, "EchoTime": te_s, "NumberOfTransients": 8, "WaterSuppression": False}
            Path(f"{stem}_mrsref.json").write_text(json.dumps(reference))
            data, dims = (pair[::-1], ("DIM_EDIT", None, None)) if off_ppm is not None else (pair[0], (None,) * 3)
            write_spectrum(f"{stem}_svs.nii.gz", data, dwell_s=5e-4, f0_mhz=127.751, dims=dims)
            write_spectrum(f"{stem}_mrsref.nii.gz", water, dwell_s=5e-4, f0_mhz=127.751)
    return root


def test_every_file_of_the_biggaba_layout_has_its_reference_and_its_pulses(biggaba):
    scans = find_scans(biggaba)
    assert len(scans) == 24  # PRESS is not edited
    for scan in scans:
        assert scan.reference.name == scan.path.name.replace("_svs", "_mrsref")
        assert not scan.notes
        assert scan.problem is None
        read = with_sidecar(read_acquisition(scan.path), scan.metadata)
        late = scan.name.entities["acq"] == "megapress80"
        assert (read.te_s, read.tr_s) == (0.08 if late else 0.068, 2.0)
        assert read.edit_pulse == {
            "ON": {"shift_ppm": 1.9, "duration_s": pytest.approx(0.020 if late else 0.015)},
            "OFF": {"shift_ppm": 1.5 if late else 7.46, "duration_s": pytest.approx(0.020 if late else 0.015)},
        }
        assert read.conditions == ("edit_on", "edit_off")


def test_a_filter_file_chooses_scans_and_references(biggaba, tmp_path):
    path = tmp_path / "filter.json"
    path.write_text(json.dumps({"svs": {"acquisition": "megapress68", "subject": ["01", "sub-02"]}}))
    done = call(biggaba, tmp_path / "out", "participant", "--dry-run", "--bids-filter-file", path)
    assert done.returncode == 0, done.stderr
    names = [Path(line.split("\t")[0]).name for line in done.stdout.splitlines()]
    assert names == [f"sub-{p}_acq-megapress68_svs.nii.gz" for p in ("01", "02")]
    path.write_text(json.dumps({"mrsref": {"acq": "conc"}}))
    scans = find_scans(biggaba, Filters(**read_filter_file(path)))
    assert {scan.reference for scan in scans} == {None}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "is not JSON"),
        ('{"scs": {}}', "did you mean 'svs'?"),
        ('{"svs": {"aquisition": "a"}}', "did you mean 'acquisition'?"),
        ('{"svs": {"run": null}}', "'run' is no label"),
    ],
)
def test_a_wrong_filter_file_is_one_line(biggaba, tmp_path, content, text):
    (tmp_path / "filter.json").write_text(content)
    done = call(biggaba, tmp_path / "out", "participant", "--bids-filter-file", tmp_path / "filter.json")
    assert done.returncode == 2
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_list_of_a_nearer_sidecar_stands_instead_of_the_inherited_one(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    (root / "acq-megapress68_svs.json").write_text(json.dumps({"EditCondition": ["ON", "OFF"], "Note": ["a", "b"]}))
    metadata = find_scans(root)[0].metadata
    assert metadata["EditCondition"] == ["OFF", "ON"]
    assert metadata["Note"] == ["a", "b"]


def test_folders_that_lead_back_give_no_scan_twice(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    (root / "again").symlink_to(root)
    (root / "sub-01" / "again").symlink_to(root / "sub-01")
    (root / "sub-01" / "up").symlink_to(root)
    (root / "sub-01" / "ses-pre" / "mrs" / "up").symlink_to(root)
    (root / "sub-01" / "other").symlink_to(root / "sub-02")
    (root / "sub-02" / "other").symlink_to(root / "sub-01")
    (root / "derivatives").mkdir()
    shutil.copytree(root / "sub-01", root / "derivatives" / "sub-03", symlinks=True)
    assert [scan.name.entities["sub"] for scan in find_scans(root)] == ["01", "02"]


def test_an_index_that_is_a_pickle_is_never_loaded(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    (root / ".ancpbids-dataset.pickle").write_bytes(b"cposix\nsystem\n(S'touch PICKLED'\ntR.")
    done = call(root, tmp_path / "out", "participant", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "PICKLED").exists()


@pytest.mark.parametrize("version", [5, None, ["1.0"]])
def test_a_version_that_is_no_text_makes_no_dataset(study, tmp_path, version):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "made", "BIDSVersion": version}))
    done = call(root, tmp_path / "out", "participant")
    assert done.returncode == 16
    assert "BIDSVersion" in done.stderr
    assert "Traceback" not in done.stderr


def test_filters_take_labels_with_and_without_their_entity(study):
    assert len(find_scans(study, Filters(participant=["sub-01"]))) == 1
    assert len(find_scans(study, Filters(session=["pre"]))) == 2
    with pytest.raises(NoInputError):
        find_scans(study, Filters(acquisition=["megapress80"]))


@pytest.mark.parametrize(
    ("name", "entities"),
    [
        ("sub-01_svs.nii.gz", {"sub": "01"}),
        ("sub-01_ses-a_acq-megapress68_run-1_svs.nii", {"sub": "01", "ses": "a", "acq": "megapress68", "run": "1"}),
        ("sub-01_sub-02_svs.nii.gz", None),
        ("sub-01.nii.gz", None),
        (".sub-01_svs.nii.gz", None),
        ("sub-0 1_svs.nii.gz", None),
    ],
)
def test_names(name, entities):
    parsed = BidsName.parse(name)
    assert (None if parsed is None else dict(parsed.entities)) == entities
