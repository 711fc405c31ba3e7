# SPDX-License-Identifier: Apache-2.0
"""List the models that are found by name, show what one is and how far it was tested, or add one.

Models are added to the first folder of FSL_MRS_DL_MODELS, or to the user's own folder where that is not set.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fsl_mrs_dl.cli.printing import add_json, print_json

if TYPE_CHECKING:
    from fsl_mrs_dl.models.card import Card
    from fsl_mrs_dl.models.catalogue import ModelSummary

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
    parser.add_argument("name", nargs="?", metavar="NAME|DIR|list|add", help="show this model, list all, or add one")
    parser.add_argument("source", nargs="?", type=Path, metavar="DIR|FILE.zip", help="what to add")
    add_json(parser, "the whole card, or what is listed or was added,")
    parser.add_argument("--overwrite", action="store_true", help="with add: replace a model that was added earlier")


def run(args: argparse.Namespace) -> None:
    """List, show or add."""
    from fsl_mrs_dl.core.errors import ConfigError

    if args.name == "add":
        _add(args)
        return
    if args.source is not None:
        raise ConfigError(f"'{args.source}' is one argument too many", expected="fsl_mrs_dl models add DIR|FILE.zip")
    if args.overwrite:
        raise ConfigError("--overwrite is for adding a model", expected="fsl_mrs_dl models add DIR|FILE.zip")
    if args.name == "list" or (args.name is None and args.json):
        _list(args.json)
    elif args.name:
        _show(args.name, args.json)
    else:
        _names()


def _add(args: argparse.Namespace) -> None:
    from fsl_mrs_dl.core.errors import ConfigError
    from fsl_mrs_dl.models.install import add_model

    if args.source is None:
        raise ConfigError("nothing to add", expected="fsl_mrs_dl models add DIR|FILE.zip")
    added = add_model(args.source, args.overwrite)
    if args.json:
        print_json([{"name": path.name, "folder": str(path)} for path in added])
        return
    for path in added:
        print(f"{path.name} is in {path.parent}: fit --model {path.name}, fsl_mrs --algo dl:{path.name}")


def _names() -> None:
    """A line for each model."""
    from fsl_mrs_dl.core.errors import ModelError
    from fsl_mrs_dl.models.catalogue import known_models
    from fsl_mrs_dl.models.folder import open_model

    for name, known in known_models().items():
        try:
            model = open_model(known.path)
        except ModelError as error:
            print(f"{name} (added): cannot be used, {error.what}")
            continue
        mark = f" (taken for a {_taken_for()[name]} where none is named)" if name in _taken_for() else ""
        mark = " (added)" if known.origin == "added" else mark
        print(f"{name}{mark}: {len(model.outputs)} quantities, {', '.join(model.card.calibration)}")


def _taken_for() -> dict[str, str]:
    from fsl_mrs_dl.quantify.model_choice import MODEL_OF

    return {name: kind for kind, name in MODEL_OF.items()}


def _list(as_json: bool) -> None:
    """What a user chooses between."""
    from fsl_mrs_dl.models.catalogue import known_models, summary

    found = [summary(known) for known in known_models().values()]
    if as_json:
        print_json([dataclasses.asdict(entry) for entry in found])
        return
    for entry in found:
        print("\n".join(_listed(entry)))


def _listed(entry: ModelSummary) -> Iterator[str]:
    yield f"{entry.name} ({entry.origin})"
    if entry.problem:
        yield f"  cannot be used       {entry.problem}"
        return
    samples = " and ".join(entry.samples) or "kind of sample not said"
    yield f"  kind                 {samples}, {entry.architecture or 'network not said'}"
    for key, (label, factor, unit) in _RANGES.items():
        if key in ("f0_mhz", "te_s", "edit_on_ppm") and key in entry.protocol:
            low, high = (factor * end for end in entry.protocol[key])
            yield f"  {label:<20} {low:.5g} to {high:.5g} {unit}".rstrip()
    yield f"  size                 {entry.size_bytes / 1e6:.1f} MB in {entry.path}"
    yield f"  SHA-256              {entry.digest}"
    for limit in entry.known_limits:
        yield f"  limit                {limit}"


def _show(name: str, as_json: bool) -> None:
    """One card."""
    from fsl_mrs_dl.models.calibrated import find_model
    from fsl_mrs_dl.models.folder import open_model

    model = open_model(find_model(name))
    if as_json:
        # of the description of the training spectra, the limits are for people
        limits = {key: {"limit": entry.limit} for key, entry in model.card.inputs.items()}
        print_json({**model.card.content, "inputs": limits})
    else:
        print("\n".join(_described(model.card, name, model.staged)))


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
