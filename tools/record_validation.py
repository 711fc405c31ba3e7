# SPDX-License-Identifier: Apache-2.0
"""Put what ``fsl_mrs_dl validate`` found into a model's card.

``python tools/record_validation.py weights/invivo NAME=OUT [NAME=OUT ...]``: OUT is the folder that validate
wrote, NAME the set's name. Sets that the card has already and that are not named stay. Of the other methods the mean
absolute errors are kept. What is no better there than the best constant guess is put among the known limits. A card's
own hash is not part of it, and nothing else of it changes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.files import write_json
from fsl_mrs_dl.models.card import CARD_FILE, card_of, read_card

LIMIT = "no better than a constant guess on "


def summary(folder: Path, *, other_protocol: bool = False) -> dict[str, Any]:
    """The part of a validation that belongs into a card."""
    result = json.loads((folder / "validation.json").read_text("utf-8"))
    metabolites = result["metabolites"]
    return {
        "n": result["n"],
        "refused": result["refused"],
        "metabolites": {name: {k: _short(v) for k, v in entry.items()} for name, entry in metabolites.items()},
        "against": {
            method: {name: {"mae": _short(entry["mae"])} for name, entry in found.items() if name in metabolites}
            for method, found in result["against"].items()
        },
        **({"other_protocol": True} if other_protocol else {}),
    }


def _short(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def main() -> None:
    """Read the arguments and write the card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("sets", nargs="+", metavar="NAME=OUT")
    help_other = "the sets are of protocols that were not in the training, and say nothing of other scans"
    parser.add_argument("--other-protocol", action="store_true", help=help_other)
    args = parser.parse_args()
    path = args.model / CARD_FILE
    card = read_card(path)
    named = [(name, Path(folder)) for name, _, folder in (entry.partition("=") for entry in args.sets)]
    found = {name: summary(folder, other_protocol=args.other_protocol) for name, folder in named}
    kept = {name: entry for name, entry in card.content.get("validation", {}).items() if name not in found}
    limits = [limit for limit in card.known_limits if not limit.endswith(tuple(LIMIT + name for name in found))]
    for name, validation in found.items():
        poor = [m for m, entry in validation["metabolites"].items() if entry["mae"] >= entry["mae_constant"]]
        if poor:
            limits.append(f"{', '.join(poor)}: {LIMIT}{name}")
    # read as any card is, so that nothing is written that could not be read again
    write_json(path, card_of({**card.content, "validation": {**kept, **found}, "known_limits": limits}, path).to_dict())


if __name__ == "__main__":
    main()
