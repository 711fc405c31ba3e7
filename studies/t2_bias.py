# SPDX-License-Identifier: Apache-2.0
"""What it costs when the T2 of a brain's metabolites are not what a model takes them for.

``python studies/t2_bias.py BANK MODEL [MODEL ...]``: BANK is the folder of the bank that the first model was trained
on. Good scans (SNR 50 to 200, lines of 3 to 7 Hz, few disturbances) of the first model's recipe, with the T2 that were
measured (`fsl_mrs_dl.metabolites.t2`, scattered by 15 %), with one T2 for all metabolites, as most simulators and fits
assume, with each metabolite's drawn apart, and with the measured ones where besides the groups of protons of a molecule
differ and water suppression takes up to 40 % at 4.68 ppm (`fsl_mrs_dl.metabolites.protons`). For each quantity over
Cr+PCr: median error in percent, and half the width that holds 68 % of the errors. A model of an earlier version:
``git show VERSION:weights/invivo/...``.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.metabolites.sums import parts_of
from fsl_mrs_dl.models.calibrated import LoadedModel, load_model
from fsl_mrs_dl.synthesise.perturbations.protons import ProtonConfig
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.severity import SeverityConfig
from fsl_mrs_dl.synthesise.synthesiser import SynthesisedBatch, Synthesiser
from fsl_mrs_dl.training.trained_on import trained_on

SEED, STREAM, N = 20261126, 8, 2000
SHOWN = ("GABA", "GABA+", "Glu", "Gln", "GSH", "NAA", "NAAG", "tNAA", "tCho", "Ins")
MEASURED: dict[str, object] = {"measured_share": 1.0, "measured_scatter": (0.15, 0.15), "own_spread": (1.0, 1.0)}
ALIKE = ProtonConfig()
APART = ProtonConfig(belief=(1.0, 1.0), kind_scatter=0.08, own_scatter=0.05, water_share=1.0, water_depth=(0.0, 0.4))

T2: dict[str, tuple[dict[str, object], ProtonConfig]] = {
    "groups apart": (MEASURED, APART),
    "measured": (MEASURED, ALIKE),
    "one for all": ({"own_spread": (0.0, 0.0)}, ALIKE),
    "drawn apart": ({"measured_share": 0.0, "own_spread": (1.0, 1.0)}, ALIKE),
}
"""Settings of the line shapes by what they stand for, and whether the groups of protons of a molecule differ."""


def good_scans(recipe: Recipe, t2: dict[str, object], protons: ProtonConfig) -> Recipe:
    """The recipe for good scans with both conditions, concentrations within 30 % of the middle of their ranges."""
    middle = {name: np.mean(ends) for name, ends in recipe.concentrations.brain_mm.items()}
    near = {name: (float(0.7 * value), float(1.3 * value)) for name, value in middle.items()}
    return dataclasses.replace(
        recipe,
        drop_off=0.0,
        drop_diff=0.0,
        severity=SeverityConfig(1.0, (0.0, 0.4)),
        background=dataclasses.replace(recipe.background, snr=(50.0, 200.0)),
        concentrations=dataclasses.replace(
            recipe.concentrations, brain_mm=near, brain_zero_probability=0.0, healthy_share=0.0
        ),
        protons=protons,
        line_shape=dataclasses.replace(recipe.line_shape, brain_width_hz=(3.0, 7.0), **t2),
    )


def errors(model: LoadedModel, batch: SynthesisedBatch) -> dict[str, NDArray]:
    """Relative errors of ratios to Cr+PCr, percent."""
    mean = model.predict_batch(batch.channels, batch.present, batch.scale).mean

    def ratio(values: NDArray, name: str) -> NDArray:
        total, reference = (values[:, [model.outputs.index(p) for p in parts_of(n)]].sum(axis=1) for n in (name, "tCr"))
        return total / reference

    return {name: 100 * (ratio(mean, name) / ratio(batch.conc_mm, name) - 1) for name in SHOWN}


def main() -> None:
    """Read the arguments, make the scans, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bank", type=Path)
    parser.add_argument("models", nargs="+")
    args = parser.parse_args()
    models = [load_model(name) for name in args.models]
    config, bank = trained_on(models[0].folder, args.bank)
    print(f"{'T2':12s} {'model':16s}" + "".join(f"{name:>14s}" for name in SHOWN))
    for label, (t2, protons) in T2.items():
        # a bank whose molecules are in one piece cannot take them apart
        if protons.apart and not config.recipe.protons.apart:
            continue
        batch = Synthesiser(good_scans(config.recipe, t2, protons), bank).batch(
            N, np.random.default_rng((SEED, STREAM))
        )
        for name, model in zip(args.models, models, strict=True):
            cells = []
            for error in errors(model, batch).values():
                middle = np.median(error)
                cells.append(f"{middle:+.1f} ({np.percentile(np.abs(error - middle), 68):.1f})")
            print(f"{label:12s} {name[-16:]:16s}" + "".join(f"{cell:>14s}" for cell in cells))


if __name__ == "__main__":
    main()
