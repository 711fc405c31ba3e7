# SPDX-License-Identifier: Apache-2.0
"""List the shipped models, or show what a model is and how far it was tested."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsl_mrs_dl.models.card import Card

_RANGES = {
    "f0_mhz": ("spectrometer frequency", 1.0, "MHz"),
    "te_s": ("echo time", 1e3, "ms"),
    "fwhm_hz": ("line width", 1.0, "Hz"),
    "snr": ("signal to noise", 1.0, ""),
    "edit_on_ppm": ("editing pulse at", 1.0, "ppm"),
    "edit_duration_s": ("editing pulse lasts", 1e3, "ms"),
}
"""Ranges of a card that are shown: their name, and the factor to the unit."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``models``."""
    parser.add_argument("name", nargs="?", metavar="NAME|DIR", help="show this model")
    parser.add_argument("--json", action="store_true", help="its whole card, with configuration and calibration")


def run(args: argparse.Namespace) -> None:
    """List or show."""
    import json

    from fsl_mrs_dl.core.errors import ConfigError
    from fsl_mrs_dl.core.resources import shipped_models, weights_folder
    from fsl_mrs_dl.models.calibrated import find_model
    from fsl_mrs_dl.models.folder import open_model
    from fsl_mrs_dl.quantify.model_choice import MODEL_OF

    if args.name:
        model = open_model(find_model(args.name))
        if args.json:
            # of the description of the training spectra, the limits are for people
            limits = {name: {"limit": entry.limit} for name, entry in model.card.inputs.items()}
            print(json.dumps({**model.card.content, "inputs": limits}, indent=1, ensure_ascii=False))
        else:
            print("\n".join(_described(model.card, args.name, model.staged)))
        return
    if args.json:
        raise ConfigError("--json shows one card", expected="the name of a model", hint="fsl_mrs_dl models lists them")
    kinds = {name: kind for kind, name in MODEL_OF.items()}
    for name in shipped_models():
        model = open_model(weights_folder() / name)
        mark = f" (taken for a {kinds[name]} where none is named)" if name in kinds else ""
        print(f"{name}{mark}: {len(model.outputs)} quantities, {', '.join(model.card.calibration)}")


def _described(card: Card, asked: str, staged: bool) -> Iterator[str]:
    """The lines that a user needs of a card."""
    yield f"{card.name}: {', '.join(card.outputs)}"
    yield f"  answers for          {', '.join(card.calibration)}"
    for key, (label, factor, unit) in _RANGES.items():
        if key in card.ranges:
            low, high = (factor * end for end in card.ranges[key])
            yield f"  {label:<20} {low:.5g} to {high:.5g} {unit}".rstrip()
    yield from _training(card, staged)
    for index, (name, digest) in enumerate((card.members or card.files).items()):
        yield f"  {'' if index else 'made of':<20} {name} (SHA-256 {digest[:12]})"
    for limit in card.known_limits:
        yield f"  limit                {limit}"
    for name, found in card.validation.items():
        yield f"  tested on {name}, {found.n} data sets, {found.refused} refused (max-normalised):"
        yield f"    {'':<8} {'MAE':>6} {'constant':>9} {'slope':>6} {'R2':>6} {'in 95 %':>8}"
        for metabolite, errors in found.metabolites.items():
            cells = [_cell(errors.mae, 3), _cell(errors.mae_constant, 3), _cell(errors.slope, 2), _cell(errors.r2, 3)]
            cells.append("-" if errors.coverage95 is None else f"{100 * errors.coverage95:.0f} %")
            yield "    {:<8} {:>6} {:>9} {:>6} {:>6} {:>8}".format(metabolite, *cells)
    if not card.validation:
        yield "  not tested on known concentrations yet: fsl_mrs_dl validate"
    yield f"The whole card: fsl_mrs_dl models {asked} --json"


def _training(card: Card, staged: bool) -> Iterator[str]:
    """What training took, and each of its stages where there were several."""
    figures = card.training
    if None in (figures.spectra, figures.minutes, figures.machine, figures.seed):
        return
    last = ", the last of several stages" if staged else ""
    yield (
        f"  trained              {figures.spectra:,} spectra, {figures.minutes:g} min on "
        f"{figures.machine}, seed {figures.seed}{last}"
    )
    if len(card.lineage) > 1:
        for number, stage in enumerate(card.lineage, start=1):
            yield f"  {f'stage {number}':<20} {stage.spectra:,} spectra, {stage.minutes:g} min, seed {stage.seed}"


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
