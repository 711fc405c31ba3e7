# SPDX-License-Identifier: Apache-2.0
"""Print the README's table from the folders that ``fsl_mrs_dl validate`` wrote.

``python tools/readme_table.py "LABEL=OUT:GABA,Glu,..." [...]``: one block of rows for each folder. Of each
classical program the better of its two variants (DIFF and edit_off, edit_off alone) stands there, per metabolite.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

PROGRAMS = {"LCModel": ("lcmodel", "lcmodel_off"), "FSL-MRS": ("newton", "newton_off"), "own": ("linear_combination",)}
HEAD = ("data", "metabolite", "MAE", "slope", "R²", "in 95 % interval", "constant", *PROGRAMS)


def rows(label: str, folder: Path, names: list[str]) -> list[str]:
    """Lines of the table for one validation."""
    result = json.loads((folder / "validation.json").read_text("utf-8"))
    lines = []
    for name in names:
        s = result["metabolites"][name]
        cells = [f"{label} ({result['n']})", name, f"**{s['mae']:.3f}**", f"{s['slope']:.2f}", f"{s['r2']:.3f}"]
        cells += [f"{100 * s['coverage95']:.0f} %", f"{s['mae_constant']:.3f}"]
        for variants in PROGRAMS.values():
            found = [result["against"].get(v, {}).get(name, {}).get("mae") for v in variants]
            numbers = [x for x in found if x is not None]
            cells.append(f"{min(numbers):.3f}" if numbers else "")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="LABEL=OUT:NAMES")
    sets = parser.parse_args().sets
    print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
    for text in sets:
        label, _, rest = text.partition("=")
        folder, _, names = rest.partition(":")
        print("\n".join(rows(label, Path(folder), names.split(","))))


if __name__ == "__main__":
    main()
