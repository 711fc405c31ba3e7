# SPDX-License-Identifier: Apache-2.0
"""Make the parts of a model's card that rest on calibration spectra again, without training.

``python tools/update_card.py weights/invivo BANK``: BANK is the folder of the bank that the model was trained on
(its SHA-256 has to be the card's); the bank of a ``[calibration]`` of its own is ``bank_calibration`` beside it. The
calibration spectra are drawn as at the end of training and shown to the exported network; factors of intervals that the
card has already must come out the same to 1 %, or nothing is written.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from fsl_mrs_dl.core.files import write_json
from fsl_mrs_dl.models.calibrated import load_model
from fsl_mrs_dl.models.card import CARD_FILE
from fsl_mrs_dl.models.novelty import describe_inputs
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training.banks import calibration_synthesiser
from fsl_mrs_dl.training.calibrate import Factors, calibrate
from fsl_mrs_dl.training.export import protocol_of
from fsl_mrs_dl.training.source import CALIBRATION, draw
from fsl_mrs_dl.training.trained_on import trained_on


def worst_change(old: Factors, new: Factors) -> float:
    """Largest relative change of a factor that is in both."""
    pairs = [
        (value, new[mode][kind][name][level])
        for mode, kinds in old.items()
        for kind, names in kinds.items()
        for name, levels in names.items()
        for level, value in levels.items()
    ]
    return max(abs(b - a) / max(a, 0.1) for a, b in pairs)


def main() -> None:
    """Read the arguments and write the card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("bank", type=Path)
    args = parser.parse_args()
    model = load_model(str(args.model))
    card = model.folder.card
    config, bank = trained_on(model.folder, args.bank)
    recipe = config.recipe
    training = Synthesiser(recipe, bank)
    synthesiser = calibration_synthesiser(config, training, args.bank.parent)
    batch = draw(synthesiser, config.seed, CALIBRATION, 0, config.optimiser.n_calibration)
    # of scale one, as the network sees them
    found = model.predict_batch(batch.channels, batch.present, np.ones(len(batch.channels)), batch.protocol)
    factors = calibrate(found.mean, found.sd, batch.target, batch.present, batch.is_brain, model.outputs, found.sum_sd)
    change = worst_change(card.calibration, factors)
    print(f"{args.model.name}: {len(batch.channels)} spectra, largest change of a factor {100 * change:.2f} %")
    if change > 0.01:
        raise SystemExit("these are not the spectra that the card was made from: nothing written")
    described = describe_inputs(batch.channels, batch.present, recipe.grid.step_ppm)
    protocol = protocol_of(training, config.seed, batch, described)
    made = dataclasses.replace(card, calibration=factors, inputs=described, protocol=protocol)
    write_json(args.model / CARD_FILE, made.to_dict())


if __name__ == "__main__":
    main()
