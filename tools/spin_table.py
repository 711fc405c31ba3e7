# SPDX-License-Identifier: Apache-2.0
"""Write ``docs/spin_systems.md`` from the table of spin systems: ``python tools/spin_table.py``."""

from __future__ import annotations

import argparse
import json
from importlib import resources
from pathlib import Path

from fsl_mrs_dl.physics.spins import known_metabolites, load_system

HEAD = """# Spin systems

Shifts in ppm relative to DSS at 37 degrees Celsius and pH 7, couplings in Hz. Written by `python
tools/spin_table.py` from `fsl_mrs_dl/physics/spins/systems.json`, which is the table that the simulator uses. Your own
molecules: `fsl_mrs_dl simulate --spin-systems FILE.json` with FSL-MRS's form (`{"NAME": {"shifts": [..], "j":
[[..]], "scaleFactor": 1}}`, a list of those for several groups of coupled spins, nine spins each at most).

## What is left out, and where sources disagree

- Couplings to 14N (choline compounds, below 3 Hz) are left out; couplings to 31P (PCh, GPC, PE) are kept.
- Cr and PCr carry the NH protons of the table beside CH3 and CH2, as FID-A's do. They exchange with water: their
  size in vivo is not what the table says.
- GABA is Near et al. 2013; GABA_gov is Govindaraju et al. 2000. The two differ in the couplings of the edited CH2.
- GSH is Govindaraju et al. with Kaiser's glutamate; GSH_v2 has cysteine and glycine of FID-A's second version,
  where the two glycine protons differ in shift; FID-A counts them twice, here they count once.
- Cit has four protons in two equal pairs; FID-A's table counts one pair.
- Water stands at 4.65 ppm, the receiver's place in NIfTI-MRS; FID-A has 4.70.
- Temperature: shifts of Ala, Asp, Cr, GABA, Gln, Glu, Gly, Ins, Lac, NAA, PCr, Tau and water have coefficients
  (`fsl_mrs_dl/physics/spins/temperature.py`: Wermter et al. 2026, doi 10.1002/nbm.70239, and Cavanagh et al. 2007);
  those of other molecules are not known to us. A basis bank moves every shift at random besides
  (`shift_jitter_ppm`, 0.004 ppm).
- Every other shift and coupling equals that of FID-A's table to four decimals.

| molecule | group | copies | shifts (ppm) | couplings (Hz) | sources |
|---|---|---|---|---|---|
"""


def table() -> str:
    """The document."""
    stored = json.loads(resources.files("fsl_mrs_dl.physics.spins").joinpath("systems.json").read_text("utf-8"))
    lines = []
    for name in sorted(known_metabolites(), key=str.lower):
        system = load_system(name)
        for index, group in enumerate(system.groups):
            shifts = ", ".join(f"{shift:g}" for shift in group.shifts_ppm)
            couplings = ", ".join(f"{a + 1}-{b + 1}: {j:g}" for a, b, j in group.couplings)
            if any(group.phosphorus_j_hz):
                couplings += "; 31P: " + ", ".join(f"{j:g}" for j in group.phosphorus_j_hz)
            first = (name, ", ".join(system.sources)) if index == 0 else ("", "")
            lines.append(
                f"| {first[0]} | {group.name} | {group.multiplicity:g} | {shifts} | {couplings} | {first[1]} |"
            )
    sources = [f"- `{key}`: {text}" for key, text in stored["sources"].items()]
    return HEAD + "\n".join(lines) + "\n\n## Sources\n\n" + "\n".join(sources) + "\n"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    (Path(__file__).resolve().parents[1] / "docs" / "spin_systems.md").write_text(table(), encoding="utf-8")
