# SPDX-License-Identifier: Apache-2.0
"""List the shipped models, or show a model's card."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``models``."""
    parser.add_argument("name", nargs="?", metavar="NAME|DIR", help="show the card of this model")


def run(args: argparse.Namespace) -> None:
    """List or show."""
    import json

    from fsl_mrs_dl.model_folder import open_model
    from fsl_mrs_dl.quantify.choice import MODEL_OF
    from fsl_mrs_dl.quantify.model import find_model
    from fsl_mrs_dl.resources import shipped_models, weights_folder

    if args.name:
        card = dict(open_model(find_model(args.name)).card)
        # of the description of the training spectra, the limits are for people
        card["inputs"] = {name: {"limit": entry["limit"]} for name, entry in card.get("inputs", {}).items()}
        print(json.dumps(card, indent=1, ensure_ascii=False))
        return
    kinds = {name: kind for kind, name in MODEL_OF.items()}
    for name in shipped_models():
        model = open_model(weights_folder() / name)
        mark = f" (taken for a {kinds[name]} where none is named)" if name in kinds else ""
        print(f"{name}{mark}: {len(model.outputs)} quantities, {', '.join(model.card['calibration'])}")
