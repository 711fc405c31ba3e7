# SPDX-License-Identifier: Apache-2.0
"""LCModel basis files: written as LCModel defines them, read back, and refused where they are broken."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from fsl_mrs_dl.basis.files import ConditionBasis, load_line_basis
from fsl_mrs_dl.basis.lcmodel_file import read_lcmodel_basis, write_lcmodel_basis
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.resources import basis_folder

LCMODEL = os.environ.get("LCMODEL") or shutil.which("lcmodel")


@pytest.fixture(scope="module")
def basis():
    file = sorted(basis_folder().glob("*te68*/lines.npz"))[0]
    whole = load_line_basis(file).condition("edit_off", 1024, 5e-4, lw_hz=2.0)
    keep = [whole.names.index(name) for name in ("Cr", "GABA", "Gln", "Glu", "NAA")]
    return ConditionBasis(
        tuple(whole.names[i] for i in keep), whole.fids[keep], whole.dwell_s, whole.f0_mhz, whole.lw_hz
    )


@pytest.fixture
def file(basis, tmp_path):
    path = tmp_path / "off.BASIS"
    write_lcmodel_basis(path, basis, te_s=0.068)
    return path


def test_what_is_written_is_read(basis, file):
    back = read_lcmodel_basis(file)
    assert back.names == basis.names
    assert back.dwell_s == pytest.approx(basis.dwell_s)
    assert back.f0_mhz == pytest.approx(basis.f0_mhz, abs=1e-6)
    assert back.lw_hz == pytest.approx(2.0, abs=1e-3)
    assert back.fids.shape == basis.fids.shape
    np.testing.assert_allclose(back.fids, basis.fids, atol=3e-5 * np.abs(basis.fids).max())


def test_the_axis_falls_from_4_65_ppm(tmp_path):
    # one line at 2 ppm: in the file's own order, index k stands for 4.65 - k / (2 N dwell f0)
    n, dwell_s, f0_mhz = 1024, 5e-4, 123.25
    t = np.arange(n) * dwell_s
    fid = np.exp(2j * np.pi * (2.0 - 4.65) * f0_mhz * t - np.pi * 3 * t)
    write_lcmodel_basis(tmp_path / "a.BASIS", ConditionBasis(("X",), fid[None], dwell_s, f0_mhz, 3.0), te_s=0.068)
    body = (tmp_path / "a.BASIS").read_text().split("ISHIFT = 0 $END")[1].split()
    values = np.array(body, dtype=float)
    spectrum = values[0::2] + 1j * values[1::2]
    top = int(np.argmax(spectrum.real))
    assert 4.65 - top / (2 * n * dwell_s * f0_mhz) == pytest.approx(2.0, abs=0.01)
    # upright but for the part of a point by which the line misses the grid
    assert abs(np.angle(spectrum[top])) < 0.5
    # Parseval with the root of the length: the file's energy is the FID's
    assert np.sum(np.abs(spectrum) ** 2) == pytest.approx(np.sum(np.abs(fid) ** 2), rel=1e-3)


def test_layout_that_readers_rely_on(file):
    text = file.read_text()
    for line in text.splitlines():
        assert "$" not in line or line.startswith(" $") or line.endswith("$END")
        assert len(line) <= 6 * 13 + 20
    assert text.count("$BASIS\n") == 5
    assert " NDATAB = 2048 $END" in text
    assert " ECHOT = 68.00," in text


def test_scale_and_unpadded_files_are_understood(basis, tmp_path):
    # as other programs write: N points, not padded, another amplitude
    n = basis.fids.shape[1]
    spectrum = np.fft.fft(basis.fids[0].conj()) / np.sqrt(n)
    cells = "\n".join(f" {v.real:.6E} {v.imag:.6E}" for v in spectrum)
    (tmp_path / "b.basis").write_text(
        f" $seqpar\n hzpppm = {basis.f0_mhz}\n echot=68. seq='PRESS' $end\n"
        f" $basis1\n idbasi='x', badelt={basis.dwell_s}, ndatab={n} $end\n"
        f" $basis\n id='Cr', metabo='Cr', conc=2., tramp=4., volume=1., ishift=0 $end\n{cells}\n"
    )
    back = read_lcmodel_basis(tmp_path / "b.basis")
    np.testing.assert_allclose(back.fids[0], 2 * basis.fids[0], atol=1e-4)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda _: "", "not an LCModel basis"),
        (lambda _: "hello", "not an LCModel basis"),
        (lambda t: t[: len(t) // 2], "wrong length"),
        (lambda t: t.replace("NDATAB = 2048", "NDATAB = 1024"), "wrong length"),
        (lambda t: t.replace("NDATAB = 2048", "NDATAB = 1e9"), "out of range"),
        (lambda t: t.replace("BADELT = 0.0005", "BADELT = -0.0005"), "encrypted"),
        (lambda t: t.replace("BADELT = 0.0005,", ""), "BADELT is missing"),
        (lambda t: t.replace("HZPPPM = 1", "HZPPPM = nan"), "HZPPPM"),
        (lambda t: t.replace("CONC = 1.", "CONC = 0."), "CONC is not usable"),
        (lambda t: t.replace("TRAMP = 1.", "TRAMP = 0."), "TRAMP is not usable"),
        (lambda t: re.sub(r"FWHMBA = \S+", "FWHMBA = 2.0,", t), "FWHMBA is out of range; expected 0 to 0.5 ppm; got 2"),
        (lambda t: re.sub(r"FWHMBA = \S+", "FWHMBA = -1.,", t), "FWHMBA is out of range"),
        (lambda t: t.replace("E+00", "E+x0", 1), "not numbers"),
        (lambda t: t.replace("ISHIFT = 0", "ISHIFT = a", 1), "ISHIFT is not a number"),
    ],
)
def test_broken_files_are_one_line(file, change, text):
    file.write_text(change(file.read_text()))
    with pytest.raises(DataError, match=text) as error:
        read_lcmodel_basis(file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("$", "&"),
        lambda text: re.sub(r"\$END", "/", text),
        lambda text: text.replace("$END", "\n /"),
        lambda text: text.replace(" $", "&").replace("&END", "/"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + "\x1a",
    ],
)
def test_namelists_of_new_fortran_and_of_editors_are_understood(file, change):
    before = read_lcmodel_basis(file)
    file.write_text(change(file.read_text()), encoding="utf-8", newline="")
    after = read_lcmodel_basis(file)
    assert after.names == before.names
    np.testing.assert_array_equal(after.fids, before.fids)


def test_exponents_of_three_digits_may_lack_their_letter(file):
    before = read_lcmodel_basis(file)
    text = file.read_text()
    first = re.search(r"[-+]?\d\.\d{5}E[-+]\d\d", text).group()
    file.write_text(text.replace(first, "0.12345-102", 1))
    small = read_lcmodel_basis(file)
    file.write_text(text.replace(first, "0.0", 1))
    np.testing.assert_allclose(small.fids, read_lcmodel_basis(file).fids, atol=1e-90)
    assert small.names == before.names


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_lcmodel_basis(tmp_path / "none.BASIS")


def test_fsl_mrs_reads_the_same_spectra(basis, file):
    mrs_io = pytest.importorskip("fsl_mrs.utils.mrs_io", reason="FSL-MRS is not installed")
    read = mrs_io.read_basis(str(file))
    assert list(read.names) == list(basis.names)
    # FSL-MRS shows the spectrum of a FID on an axis that rises with its own frequency; compare where lines stand
    for name, fid in zip(basis.names, basis.fids, strict=True):
        theirs = read.original_basis_array[:, list(read.names).index(name)][: len(fid)]
        same = np.abs(np.vdot(theirs, fid)), np.abs(np.vdot(theirs, fid.conj()))
        assert max(same) > 0.999 * np.linalg.norm(theirs) * np.linalg.norm(fid)


def test_suspect_reads_the_same_spectra(basis, file):
    lcmodel = pytest.importorskip("suspect.io.lcmodel", reason="suspect is not installed")
    read = lcmodel.read_basis(str(file))
    assert len(read["SPECTRA"]) == len(basis.names)


@pytest.mark.skipif(LCMODEL is None, reason="no lcmodel binary: set LCMODEL or put it on PATH")
def test_lcmodel_returns_the_concentrations(basis, file, tmp_path):
    truth = {"Cr": 8.0, "GABA": 2.0, "Gln": 3.0, "Glu": 9.0, "NAA": 12.0}
    t = np.arange(basis.fids.shape[1]) * basis.dwell_s
    fid = sum(truth[name] * f for name, f in zip(basis.names, basis.fids, strict=True)) * np.exp(-np.pi * 1.5 * t)
    rng = np.random.default_rng(0)
    fid = fid + 0.003 * np.abs(fid[0]) * (rng.normal(size=len(t)) + 1j * rng.normal(size=len(t)))
    raw = "\n".join(f"{v.real:16.8E}{v.imag:16.8E}" for v in fid.conj())
    (tmp_path / "data.RAW").write_text(f" $NMID id='test' fmtdat='(2E16.8)' volume=1. tramp=1. $END\n{raw}\n")
    control = (
        f" $LCMODL\n title='t'\n filbas='{file}'\n filraw='{tmp_path}/data.RAW'\n filps='{tmp_path}/o.ps'\n"
        f" filtab='{tmp_path}/o.table'\n ltable=7\n nunfil={len(t)}\n deltat={basis.dwell_s}\n hzpppm={basis.f0_mhz}\n"
        " ppmst=4.2\n ppmend=0.6\n nomit=0\n nsimul=0\n dkntmn=5.\n neach=0\n nratio=0\n namrel='NAA'\n $END\n"
    )
    subprocess.run([LCMODEL], input=control, text=True, cwd=tmp_path, timeout=120, check=True)
    table = (tmp_path / "o.table").read_text()
    found = re.findall(r"^\s*([\d.E+-]+)\s+\d+%.*?([A-Za-z][\w+]*)\s*$", table, re.MULTILINE)
    rows = {name: float(value) for value, name in found}
    for name, value in truth.items():
        # LCModel's own spline baseline takes some of GABA
        assert rows[name] == pytest.approx(value, rel=0.1 if name == "GABA" else 0.05), table
