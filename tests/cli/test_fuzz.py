# SPDX-License-Identifier: Apache-2.0
"""Files that are damaged at random: each is read, or refused in one line; no other exception, hang or flood of memory.

50,000 cases in all with ``pytest -m slow``; a hundredth of them runs always.
"""

import copy
import gzip
import json
import warnings

import numpy as np
import pytest

from fsl_mrs_dl.basis.files import ConditionBasis, load_line_basis, read_fsl_basis
from fsl_mrs_dl.basis.lcmodel_file import read_lcmodel_basis, write_lcmodel_basis
from fsl_mrs_dl.basis.protocol_file import read_protocol
from fsl_mrs_dl.bids.sidecar import with_sidecar
from fsl_mrs_dl.core.errors import FslMrsDlError
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.io.protocol import protocol_like
from fsl_mrs_dl.io.pulse_files import read_pulse, write_pulse
from fsl_mrs_dl.io.spin_files import read_spin_systems
from fsl_mrs_dl.physics.pulses import gaussian_pulse
from fsl_mrs_dl.physics.sequences import MegaPress
from tests.helpers import ROOT, pair_of, write_nifti

EXAMPLES = ROOT / "examples"
STRANGE = [
    None,
    True,
    -1,
    0,
    1e308,
    -1e-320,
    float("nan"),
    float("inf"),
    "",
    "x",
    "1e9",
    [],
    [[]],
    {},
    {"Value": [1]},
    10**30,
    [1.9, 4.56],
    "\u0000",
    "µ",
    [None],
    1 << 40,
]


def damaged_bytes(content, rng):
    """Bytes cut off, turned, doubled, or replaced."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        if not data:
            break
        kind, at = rng.integers(5), int(rng.integers(len(data)))
        if kind == 0:
            del data[at:]
        elif kind == 1:
            data[at] = int(rng.integers(256))
        elif kind == 2:
            data[at:at] = data[at : at + int(rng.integers(1, 40))]
        elif kind == 3:
            del data[at : at + int(rng.integers(1, 40))]
        else:
            data[at : at + 4] = bytes(rng.integers(256, size=4, dtype=np.uint8))
    return bytes(data)


def damaged_json(value, rng):
    """Values replaced by strange ones, keys taken away, doubled under another name, or moved."""
    value = copy.deepcopy(value)
    for _ in range(int(rng.integers(1, 4))):
        node = value
        while isinstance(node, dict | list) and node:
            keys = list(node) if isinstance(node, dict) else range(len(node))
            key = keys[int(rng.integers(len(keys)))]
            child = node[key]
            if isinstance(child, dict | list) and child and rng.uniform() < 0.6:
                node = child
                continue
            kind = rng.integers(4)
            if kind == 0:
                del node[key]
            elif kind == 1 and isinstance(node, dict):
                node[str(key) + "x"] = child
            else:
                node[key] = copy.deepcopy(STRANGE[int(rng.integers(len(STRANGE)))])
            break
    return value


def json_case(value):
    return lambda path, rng: path.write_text(json.dumps(damaged_json(value, rng)), encoding="utf-8")


def bytes_case(content):
    return lambda path, rng: path.write_bytes(damaged_bytes(content, rng))


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """What is damaged: name to (ending, maker of a damaged file, reader)."""
    folder = tmp_path_factory.mktemp("originals")
    rng = np.random.default_rng(0)
    off, on = pair_of(noise=0.01, rng=rng)
    header = {
        "EchoTime": 0.068,
        "RepetitionTime": 2.0,
        "Manufacturer": "Siemens",
        "EditPulse": {"ON": {"PulseOffset": 1.9, "PulseDuration": 0.014}, "OFF": {"PulseOffset": 7.5}},
        "dim_5_header": {"EditCondition": ["OFF", "ON"]},
    }
    data = np.stack([off, on], -1)[None, None, None, :256].astype(np.complex64)
    nifti = write_nifti(folder / "a.nii", data, dims=("DIM_EDIT",), header=header).read_bytes()
    fid = ConditionBasis(("Cr", "NAA"), np.ones((2, 32), complex) + 1j, 5e-4, 127.7, 2.0)
    write_lcmodel_basis(folder / "b.BASIS", fid, te_s=0.068)
    write_pulse(folder / "p.txt", gaussian_pulse(0.014, n_steps=20))
    sequence = json.loads((EXAMPLES / "sequences" / "exampleSTEAM.json").read_text())
    sidecar = {
        **header,
        "EditTarget": "GABA",
        "SpectrometerFrequency": [127.7],
        "AcquisitionVoxelSize": [30, 30, 30],
        "ResonantNucleus": ["1H"],
    }
    spins = {"New": [{"shifts": [1.0, 2.0], "j": [[0, 7.0], [0, 0]], "scaleFactor": 1, "name": "a"}]}
    entry = {
        "basis": {
            "basis_re": [1.0, 0.5] * 20,
            "basis_im": [0.0, 0.1] * 20,
            "basis_dwell": 5e-4,
            "basis_centre": 127.7,
            "basis_width": 2.0,
            "basis_name": "Cr",
        }
    }
    varian = b"# x\n" + b"".join(b"%.1f %.1f 1.0\n" % (180.0 * (k % 2), 100.0 + k) for k in range(20))
    bruker = b"##TITLE= a\n##NPOINTS= 20\n##XYPOINTS= (XY..XY)\n" + b"1.0, 0.0\n" * 20 + b"##END=\n"
    pta = b"PULSENAME: a\nAMPINT: 10\n\n" + b"".join(b"%.3f %.3f ; (%d)\n" % (0.5, 0.1, k) for k in range(20))
    lines = (next((ROOT / "basis").glob("*te68_123*")) / "lines.npz").read_bytes()

    def folder_of(path):
        return read_fsl_basis(path.parent)

    averaged = read_acquisition(folder / "a.nii")
    return {
        "nifti": (".nii", bytes_case(nifti), read_acquisition),
        "nifti head": (
            ".nii",
            lambda p, r: p.write_bytes(damaged_bytes(nifti[:900], r) + nifti[900:]),
            read_acquisition,
        ),
        "nifti.gz": (".nii.gz", bytes_case(gzip.compress(nifti)), read_acquisition),
        "sidecar": (".json", json_case(sidecar), protocol_like),
        "sidecar of data": (
            ".json",
            json_case(sidecar),
            lambda p: with_sidecar(averaged, json.loads(p.read_text("utf-8"))),
        ),
        "sequence": (".json", json_case(sequence), read_protocol),
        "own sequence": (
            ".json",
            json_case(
                {
                    "f0_mhz": 127.7,
                    "delays_s": [0.005, 0.017, 0.017, 0.017, 0.012],
                    "refocusing": "slr",
                    "voxel_mm": [30, 30, 30],
                    "edit_on_ppm": 1.9,
                }
            ),
            lambda p: MegaPress.from_dict(json.loads(p.read_text("utf-8"))),
        ),
        "spin system": (".json", json_case(spins), read_spin_systems),
        "fsl basis": (".json", json_case(entry), folder_of),
        "lcmodel basis": (".BASIS", bytes_case((folder / "b.BASIS").read_bytes()), read_lcmodel_basis),
        "pulse table": (".txt", bytes_case((folder / "p.txt").read_bytes()), lambda p: read_pulse(p, duration_s=0.014)),
        "varian": (".RF", bytes_case(varian), lambda p: read_pulse(p, duration_s=0.014)),
        "bruker": (".exc", bytes_case(bruker), lambda p: read_pulse(p, duration_s=0.014)),
        "siemens": (".pta", bytes_case(pta), lambda p: read_pulse(p, duration_s=0.014)),
        "line list": (".npz", bytes_case(lines), load_line_basis),
    }


CASES = {
    "nifti": 8000,
    "nifti head": 8000,
    "nifti.gz": 3000,
    "sidecar": 6000,
    "sidecar of data": 4000,
    "sequence": 6000,
    "own sequence": 2500,
    "spin system": 3000,
    "fsl basis": 3000,
    "lcmodel basis": 2500,
    "pulse table": 1500,
    "varian": 1000,
    "bruker": 1000,
    "siemens": 1000,
    "line list": 500,
}
"""51,000 in all."""


def failures(original, n, seed, folder):
    """Distinct exceptions that are not ours: text to the case's number."""
    ending, damage, read = original
    found = {}
    path = folder / f"case{ending}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(n):
            damage(path, np.random.default_rng((seed, number)))
            try:
                read(path)
            except FslMrsDlError as error:
                if "\n" in str(error):
                    found.setdefault(f"more than a line: {type(error).__name__}", number)
            except Exception as error:
                trace = error.__traceback__
                while trace.tb_next is not None:
                    trace = trace.tb_next
                place = f"{trace.tb_frame.f_code.co_filename.split('/')[-1]}:{trace.tb_lineno}"
                found.setdefault(f"{type(error).__name__} at {place}: {str(error)[:80]}", number)
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_few_damaged_files_are_read_or_refused(originals, tmp_path, name):
    assert failures(originals[name], CASES[name] // 100, 1, tmp_path) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_many_damaged_files_are_read_or_refused(originals, tmp_path, name):
    assert failures(originals[name], CASES[name], 2, tmp_path) == {}
