# SPDX-License-Identifier: Apache-2.0
"""How well does a model of brains read protocols of other draws than those it was trained on?

``python studies/other_protocols.py MODEL BANKS OUT``

Spectra of the model's own recipe, of healthy brains, but of protocols that it has not seen, in four kinds: TE 68 ms as
most have it; TE 80 ms with symmetric editing, which suppresses macromolecules; TE 68 ms with ideal refocusing, and with
that of semi-LASER, by pairs of adiabatic pulses. The model is told nothing of the protocol, then all of it. Prints
errors of ratios to Cr+PCr; the folders in OUT are those that ``fsl_mrs_dl validate`` writes, and
``tools/record_validation.py`` puts them into a card. The banks are simulated into BANKS where they are not there.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.files import new_output_folder
from fsl_mrs_dl.models.calibrated import LoadedModel, load_model
from fsl_mrs_dl.models.protocol_code import ProtocolCode
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training.banks import bank_of_recipe
from fsl_mrs_dl.training.config import TrainConfig
from fsl_mrs_dl.validation.outputs import write_outputs
from fsl_mrs_dl.validation.simulated import run_simulated

SEED = 20261128
KINDS: dict[str, dict[str, Any]] = {
    "te68": {"long_share": 0.0},
    "te80_symmetric": {"long_share": 1.0, "symmetric_share": 1.0},
    "ideal_refocusing": {"long_share": 0.0, "refocusing": ("ideal",)},
    "semi_laser": {
        "long_share": 0.0,
        "refocusing": ("adiabatic",),
        "refocusing_tbw": (16.0, 28.0),
        "refocusing_bandwidth_hz": (5000.0, 8000.0),
        "edit_lag": (0.5, 1.0),
        "n_positions": 48,
    },
}
SHOWN = ("GABA+", "GABA", "Glx", "Glu", "Gln", "tNAA", "tCho", "Ins", "GSH")


def recipe_of(recipe: Recipe, changes: dict[str, Any], n_members: int, seed: int) -> Recipe:
    """The recipe with another draw of protocols: healthy brains, both conditions shown, all protocols told."""
    bank: BankConfig = dataclasses.replace(recipe.bank, n_members=n_members, seed=seed, **changes)
    told = dataclasses.replace(recipe.told, known_share=1.0)
    # an error in percent says little where next to nothing of a metabolite is there
    healthy = dataclasses.replace(recipe.concentrations, healthy_share=1.0)
    return dataclasses.replace(recipe, bank=bank, told=told, concentrations=healthy, drop_off=0.0, drop_diff=0.0)


def judge(model: LoadedModel, synthesiser: Synthesiser, n: int, output: Path) -> None:
    """Write and print what the model answers, told nothing and told all."""
    for word, told in (("unknown", False), ("told", True)):
        cases = run_simulated(synthesiser, model, n, SEED, told=told)
        with new_output_folder(output.with_name(f"{output.name}_{word}"), overwrite=True) as folder:
            result = write_outputs(folder, cases, model.folder.name)
        found = result["ratios"]["metabolites"]
        print(f"{output.name}, protocol {word}: ratios to Cr+PCr")
        print(f"{'':8s}{'bias %':>8s}{'error %':>9s}{'constant %':>12s}{'slope':>7s}{'R2':>6s}{'68 %':>7s}{'95 %':>7s}")
        for name in (name for name in SHOWN if name in found):
            line = found[name]
            print(
                f"{name:8s}{line['bias_percent']:8.1f}{line['mape_percent']:9.1f}{line['mape_constant_percent']:12.1f}"
                f"{line['slope']:7.2f}{line['r2']:6.2f}{100 * line['coverage68']:7.0f}{100 * line['coverage95']:7.0f}"
            )


def main() -> None:
    """Read the arguments and judge the model on each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("banks", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--n", type=int, default=2000, help="spectra of each kind")
    parser.add_argument("--members", type=int, default=48, help="protocols of each kind")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=list(KINDS), default=list(KINDS), help="kinds")
    args = parser.parse_args()
    model = load_model(str(args.model))
    card = model.folder.card
    recipe = from_mapping(TrainConfig, card.config, str(args.model)).recipe
    code = ProtocolCode.from_card(card.protocol)
    args.output.mkdir(parents=True, exist_ok=True)
    for number, (name, changes) in enumerate(KINDS.items()):
        if name not in args.only:
            continue
        other = recipe_of(recipe, changes, args.members, SEED + number)
        bank = bank_of_recipe(other, args.banks / name, args.workers)
        judge(model, Synthesiser(other, bank, code), args.n, args.output / name)


if __name__ == "__main__":
    main()
