# SPDX-License-Identifier: Apache-2.0
"""A real run of ``fsl_mrs --algo dl`` on made-up data, in a Python that knows nothing of the user's paths."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

METABOLITES = {"NAA": 10.0, "GABA": 2.0, "Glu": 9.0, "Gln": 2.5, "Cr": 5.0, "PCr": 3.0}
"""What is in the made-up spectrum, mM."""

_PROGRAM = "import sys; from fsl_mrs.scripts.fsl_mrs import main; sys.argv[0] = 'fsl_mrs'; sys.exit(main())"


def try_fsl_mrs() -> str:
    """Run ``fsl_mrs --algo dl`` on a made-up DIFF; gives its last line where it failed, else nothing.

    Python is started with ``-I``, as FSL starts its programs: without the user's packages and ``PYTHONPATH``.
    """
    with tempfile.TemporaryDirectory(prefix="fsl_mrs_dl_") as scratch:
        folder = Path(scratch)
        _make_data(folder)
        arguments = ["--data", "diff.nii.gz", "--basis", "basis", "--output", "out", "--algo", "dl"]
        arguments += ["--internal_ref", "NAA"]
        done = subprocess.run(
            [sys.executable, "-I", "-c", _PROGRAM, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        if done.returncode == 0 and (folder / "out" / "quantities.json").is_file():
            return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {done.returncode}, and no message"


def _make_data(folder: Path) -> None:
    """``diff.nii.gz`` and ``basis/`` of the shipped basis, 5 Hz wide, with a little noise."""
    from fsl_mrs_dl.basis.files import ConditionBasis, load_line_basis, write_fsl_folder
    from fsl_mrs_dl.core.resources import basis_folder
    from fsl_mrs_dl.io.nifti import write_spectrum

    lines = load_line_basis(next(basis_folder().glob("mega_press_te68_127*/lines.npz")))
    whole = lines.condition("diff", 2048, 5e-4, lw_hz=2.0)
    rows = [whole.names.index(name) for name in METABOLITES]
    basis = ConditionBasis(tuple(METABOLITES), whole.fids[rows], whole.dwell_s, whole.f0_mhz, whole.lw_hz)
    write_fsl_folder(folder / "basis", basis, sequence={}, systems={})
    decay = np.exp(-np.pi * 3.0 * np.arange(2048) * basis.dwell_s)
    fid = (np.array(list(METABOLITES.values())) @ basis.fids) * decay
    noise = np.random.default_rng(0).normal(size=(2, 2048))
    header = {"EchoTime": 0.068, "RepetitionTime": 2.0}
    sampled: dict[str, Any] = {"dwell_s": basis.dwell_s, "f0_mhz": basis.f0_mhz}
    write_spectrum(folder / "diff.nii.gz", fid + 0.05 * (noise[0] + 1j * noise[1]), header=header, **sampled)
