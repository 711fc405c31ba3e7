# SPDX-License-Identifier: Apache-2.0
"""Make the bases that the package ships: ``python tools/shipped_bases.py`` (minutes). Writes into ``basis/``."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import tempfile
from pathlib import Path

from fsl_mrs_dl import __version__
from fsl_mrs_dl.basis.files import LineBasis, save_line_basis
from fsl_mrs_dl.basis.simulate import simulate_basis_set
from fsl_mrs_dl.metabolites.table import BRAIN
from fsl_mrs_dl.physics.sequences import MM_SUPPRESSED_OFF_PPM, MegaPress, mega_press
from fsl_mrs_dl.physics.simulate import SimulatedPair
from fsl_mrs_dl.physics.spins import load_system

# finer than the default: NH protons, half a slice away, count as well
GRID = {"n_positions": 32, "fov_slices": 2.4}
MM_SUPPRESSED = {"te_s": 0.080, "edit_off_ppm": MM_SUPPRESSED_OFF_PPM, "edit_duration_s": 0.020}

BASES: dict[str, MegaPress] = {
    "mega_press_te68_123.25": mega_press(vendor="siemens", **GRID),
    "mega_press_te68_127.75": mega_press(vendor="philips", **GRID),
    "mega_press_te80_mmsup_123.25": mega_press(vendor="siemens", **MM_SUPPRESSED, **GRID),
    "mega_press_te80_mmsup_127.75": mega_press(vendor="philips", **MM_SUPPRESSED, **GRID),
}


def main() -> None:
    """Simulate each and write it with its provenance."""
    root = Path(__file__).resolve().parents[1] / "basis"
    systems = [load_system(name) for name in BRAIN]
    for name, protocol in BASES.items():
        description = dataclasses.asdict(protocol)
        experiments = dict(zip(("edit_off", "edit_on"), protocol.experiments(), strict=True))
        with tempfile.TemporaryDirectory() as scratch:
            signals = simulate_basis_set(systems, experiments, description, Path(scratch) / "kept", workers=2)
        pairs = {
            s.name: SimulatedPair(s.name, signals["edit_off"][s.name], signals["edit_on"][s.name]) for s in systems
        }
        folder = root / name
        folder.mkdir(exist_ok=True)
        save_line_basis(folder / "lines.npz", LineBasis(pairs, protocol))
        provenance = {
            "made_by": "python tools/shipped_bases.py",
            "version": __version__,
            "sequence": description,
            "metabolites": list(pairs),
            "spin_systems_sha256": hashlib.sha256(repr(systems).encode()).hexdigest(),
            "lines_sha256": hashlib.sha256((folder / "lines.npz").read_bytes()).hexdigest(),
        }
        (folder / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {len(pairs)} metabolites, {(folder / 'lines.npz').stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
