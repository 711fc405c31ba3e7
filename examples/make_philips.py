# SPDX-License-Identifier: Apache-2.0
"""Write the shipped example as a Philips scanner exports MEGA-PRESS: SDAT and SPAR, for the tutorial.

``python examples/make_philips.py FOLDER`` makes ``mega_act`` (32 rows, ON and OFF in turn) and ``mega_ref`` (water). A
scanner combines the coils before it exports; so is it here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.io.nifti import read_acquisition, read_reference
from fsl_mrs_dl.preprocess.coils import apply_weights, combine_coils

HERE = Path(__file__).parent
TE_MS, TR_MS = 68, 2000


def main() -> None:
    """Read the argument and write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    data, water = read_acquisition(HERE / "megapress_raw.nii.gz"), read_reference(HERE / "water_reference.nii.gz")
    fids, weights = combine_coils(data.fids, water.fids)
    # (condition, 1, dynamic, point): rows are dynamics, the conditions in turn within each
    rows = np.moveaxis(fids[:, 0], 0, 1).reshape(-1, fids.shape[-1])
    combined = apply_weights(water.fids, weights)
    for name, part in (("mega_act", rows), ("mega_ref", combined.reshape(-1, combined.shape[-1]))):
        write_sdat(folder / name, part, f0_hz=data.f0_mhz * 1e6, width_hz=1 / data.dwell_s)
        print(f"{len(part)} rows written to {folder / name}.SDAT")


def write_sdat(path: Path, rows: NDArray, *, f0_hz: float, width_hz: float) -> None:
    """Write rows of FIDs as VAX floats, and the SPAR."""
    values = np.stack([rows.real, rows.imag], axis=-1).astype("<f4")
    # a VAX float is the IEEE one of four times the value, with its two words exchanged
    words = (4 * values).view("<u2").reshape(-1, 2)[:, ::-1]
    path.with_suffix(".SDAT").write_bytes(np.ascontiguousarray(words).tobytes())
    entries = {
        "scan_id": "example",
        "patient_name": "virtual",
        "patient_birth_date": "1970.01.01",
        "patient_position": '"head_first"',
        "patient_orientation": '"supine"',
        "samples": rows.shape[1],
        "rows": rows.shape[0],
        "synthesizer_frequency": f0_hz,
        "sample_frequency": width_hz,
        "nucleus": "1H",
        "echo_time": TE_MS,
        "repetition_time": TR_MS,
        "spectrum_inversion_time": 0,
        "offset_frequency": 0,
        "volume_selection_enable": '"yes"',
        **{
            f"{axis}_{what}": value
            for axis in ("lr", "ap", "cc")
            for what, value in (("angulation", 0), ("size", 30), ("off_center", 0))
        },
    }
    lines = "".join(f"{key} : {value}\n" for key, value in entries.items())
    path.with_suffix(".SPAR").write_text(lines, encoding="ascii")


if __name__ == "__main__":
    main()
