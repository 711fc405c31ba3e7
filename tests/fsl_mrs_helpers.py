# SPDX-License-Identifier: Apache-2.0
"""FSL-MRS's own program in this process, without its figures, and its tables beside quantities.json."""

from __future__ import annotations

import functools
import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from fsl_mrs_dl.basis.files import ConditionBasis, load_line_basis, write_fsl_basis, write_fsl_folder
from fsl_mrs_dl.basis.macromolecules import macromolecule_fids
from fsl_mrs_dl.core.resources import basis_folder
from fsl_mrs_dl.metabolites.sums import COMBINATIONS
from fsl_mrs_dl.models.estimate import NOT_VISIBLE
from tests.helpers import ROOT, SHARED


def files_of(folder, count=None):
    """The first files of a set in ``../shared/data`` as parameters of a test; one that skips where they are not."""
    path = SHARED / "data" / folder
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"not here: {path}"))]
    return [pytest.param(file, id=file.name) for file in sorted(path.glob("*.nii.gz"))[:count]]


def run_fsl_mrs(*arguments):
    """Run ``fsl_mrs`` with ``dl`` registered; gives what it would exit with."""
    from fsl_mrs.scripts import fsl_mrs
    from fsl_mrs.utils import report

    from fsl_mrs_dl.fsl_plugin.start import register

    register()
    argv = ["fsl_mrs", *map(str, arguments), "--overwrite"]
    with mock.patch.object(sys, "argv", argv), mock.patch.object(report, "fitting_summary_fig"):
        return fsl_mrs.main()


SUMS = (("Glu", "Gln"), ("NAA", "NAAG"), ("GPC", "PCh"))
"""What the tests let FSL-MRS combine."""

KINDS = {
    "whole": (),
    "without PCr": ("PCr",),
    "without MM": ("MM",),
    "without PCr and MM": ("PCr", "MM"),
    "one of each pair": ("PCr", "GPC", "NAAG"),
}
"""Bases of `simulate`, by what they lack."""


def write_bases(root):
    """DIFF bases as `simulate --mm` writes them, with all functions and without some; folders by `KINDS`."""
    lines = load_line_basis(next(basis_folder().glob("mega_press_te68_127*/lines.npz")))
    plain = lines.condition("diff", 4096, 5e-4, lw_hz=2.0)
    broad = macromolecule_fids(("diff",), lines.sequence, 4096, 5e-4, plain.f0_mhz)["diff"]
    whole = ConditionBasis((*plain.names, *broad), np.vstack([plain.fids, *broad.values()]), 5e-4, plain.f0_mhz, 2.0)
    write_fsl_folder(root / "whole", whole, sequence={}, systems={})
    folders = {"whole": root / "whole"}
    for kind, without in KINDS.items():
        if without:
            names = [name for name in whole.names if name in without or name[:2] in without]
            folders[kind] = basis_without(root / "whole", root / kind, *names)
    return folders


def combined_and_reference(folder):
    """The sums that a basis allows, and its functions for the default reference (Cr+PCr, where both are there)."""
    there = {path.stem for path in Path(folder).glob("*.json")}
    reference = ("Cr", "PCr") if "PCr" in there else ("Cr",)
    return [parts for parts in SUMS if set(parts) <= there], reference


def whole_basis(root):
    """Basis of all conditions, as `simulate` writes it."""
    write_fsl_basis(root, load_line_basis(next(basis_folder().glob("mega_press_te68_127*/lines.npz"))))
    return root


def answer_of_fit(file, output, model="", more=()):
    """quantities.json of ``fsl_mrs_dl fit`` of a file; `more` are further arguments."""
    from fsl_mrs_dl.cli.main import main

    named = ["--model", model] if model else []
    code = main(["fit", "--data", str(file), "--output", str(output), "--overwrite", *named, *more])
    assert code == 0, file
    return json.loads((Path(output) / "quantities.json").read_text("utf-8"))


def share_steps(monkeypatch):
    """Let runs of one process share what is the same in them; a sweep over models and bases repeats it by hundreds.

    The same data are loaded and surveyed once, though several models answer, and each model answers once, though
    several bases are fitted; LCModel's files, which the sweep does not read, are not written.
    """
    from fsl_mrs_dl.quantify import host, quantify
    from fsl_mrs_dl.reports import folder

    load, make_survey, analyse = host.load, quantify.make_survey, host.analyse
    loaded, surveys, answers = {}, {}, {}

    def load_once(acquisition):
        key = (str(acquisition.source), acquisition.fids.tobytes())
        if key not in loaded:
            loaded[key] = load(acquisition)
        return loaded[key]

    def survey_once(spectra, grid, basis=None):
        # the spectra are kept: another object could be given the same id
        key = (id(spectra), grid, basis)
        if key not in surveys:
            surveys[key] = (spectra, make_survey(spectra, grid, basis))
        return surveys[key][1]

    def analyse_once(data, model=None, *, protocol=None, any_protocol=False):
        # loaded once, so that the same data are the same object; and kept, as the spectra are
        key = (id(data), id(model), tuple(sorted((protocol or {}).items())), any_protocol)
        if key not in answers:
            answers[key] = (data, model, analyse(data, model, protocol=protocol, any_protocol=any_protocol))
        return answers[key][2]

    monkeypatch.setattr(host, "load", load_once)
    monkeypatch.setattr(host, "analyse", analyse_once)
    monkeypatch.setattr(quantify, "make_survey", survey_once)
    monkeypatch.setattr(folder, "write_lcmodel", lambda *_args, **_kwargs: None)


@functools.cache
def loaded_model(name):
    """A shipped model, once per process; None for the one that `fit` chooses."""
    from fsl_mrs_dl.api.functions import open_model

    return open_model(name) if name else None


def basis_without(folder, target, *names):
    """A copy of a basis folder without some functions."""
    shutil.copytree(folder, target)
    for name in names:
        (target / f"{name}.json").unlink()
    return target


def tables_of(folder):
    """summary.csv, concentrations.csv as FSL-MRS reads it, and quantities.json."""
    import pandas as pd

    folder = Path(folder)
    summary = pd.read_csv(folder / "summary.csv", index_col=0)
    concentrations = pd.read_csv(folder / "concentrations.csv", index_col=0, header=[0, 1])
    return summary, concentrations, json.loads((folder / "quantities.json").read_text("utf-8"))


def disagreements(folder, fit=None, reference="Cr+PCr", rel=1e-6):
    """Where the files of an output folder of ``fsl_mrs --algo dl``, or `fit`, do not say the same.

    Parameters
    ----------
    folder : path-like
    fit : dict, optional
        quantities.json of ``fsl_mrs_dl fit`` of the same data.
    reference : str
        Of the internal scaling.
    """
    summary, concentrations, found = tables_of(folder)
    wrong = []

    def same(what, first, second):
        first, second = (np.nan if x is None else float(x) for x in (first, second))
        if not np.isclose(first, second, rtol=rel, atol=1e-12, equal_nan=True):
            wrong.append(f"{what}: {first!r} is not {second!r}")

    if list(summary.index) != sorted(concentrations.index):
        wrong.append(f"rows {list(summary.index)} are not {list(concentrations.index)}")
    water = {"mM": "molarity", "mMol/kg": "molality"}
    for column, scaling in water.items():
        if (column in summary.columns) != (("mean", scaling) in concentrations.columns):
            wrong.append(f"{column} is in one table only")
    columns = {
        **{column: ("mean", scaling) for column, scaling in water.items() if column in summary.columns},
        **{f"{column} CRLB": ("std", scaling) for column, scaling in water.items() if column in summary.columns},
        f"/{reference}": ("mean", "internal"),
        f"/{reference} CRLB": ("std", "internal"),
        "Raw conc": ("mean", "raw"),
        "Raw CRLB": ("std", "raw"),
    }
    for name in summary.index:
        for column, other in columns.items():
            same(f"{name} {column} of concentrations.csv", summary.loc[name, column], concentrations.loc[name, other])
    quantities, ratios = found["metabolites"], _ratios(found, reference)
    pairs = _pairs(summary.index, found)
    wrong += [f"{name} of the network is compared with nothing" for name in _left_out(pairs, found)]
    for row, name in pairs:
        quantity = quantities[name]
        if quantity["flag"] == NOT_VISIBLE:
            same(f"{row}, which does not show", summary.loc[row, f"/{reference}"], None)
            continue
        same(f"{row} %CRLB", summary.loc[row, "%CRLB"], quantity["percent_sd"])
        ratio = ratios.get(name, {"value": None, "sd": None, "interval95": (None, None)})
        same(f"{row} ratio", summary.loc[row, f"/{reference}"], ratio["value"])
        if row == reference:
            continue  # 1 without spread; a model that knows Cr alone gives Cr a spread of its own
        same(f"{row} sd of the ratio", summary.loc[row, f"/{reference} CRLB"], ratio["sd"])
        for end, column in zip(ratio["interval95"], ("lo95", "hi95"), strict=True):
            same(f"{row} {column}", summary.loc[row, f"/{reference} {column}"], end)
    wrong += _against_fit(found, fit, same) if fit is not None else []
    return wrong


def _against_fit(found, fit, same):
    """Which quantities only one of the two has; values are compared by `same`."""
    mine, other, fitted = found["metabolites"], fit["metabolites"], set(found["fsl_mrs"]["fitted"])
    wrong = [f"{name} is given by fit alone" for name in sorted(set(other) - set(mine) - fitted)]
    wrong += [f"{name} is not given by fit" for name in sorted(set(mine) - set(other))]
    if found["refused"] != fit["refused"]:
        wrong.append("one of the two refuses")
    for name in set(mine) & set(other):
        for key in ("value", "sd"):
            same(f"{name} {key} of fit", mine[name][key], other[name][key])
        for k, end in enumerate(("lower", "upper")):
            same(f"{name} {end} end of fit", *(one[name]["interval95"][k] for one in (mine, other)))
    return wrong


def _left_out(pairs, found):
    """What the network gave by a basis function and no row of the tables was held against."""
    compared = {row for row, _ in pairs}
    return [name for name in found["fsl_mrs"]["by_network"] if name not in compared]


def _ratios(found, reference):
    """Ratios to the reference, by quantity."""
    if found["reference"] == reference:
        return found["metabolites"]
    by_network = found["fsl_mrs"]["by_network"]
    parts = {quantity for name in reference.split("+") for quantity in by_network.get(name, [])}
    short = next((name for name, members in COMBINATIONS.items() if set(members) == parts), "+".join(sorted(parts)))
    ratios = {name: entry["ratios"].get(short) for name, entry in found["metabolites"].items()}
    return {name: ratio for name, ratio in ratios.items() if ratio is not None}


def _pairs(rows, found):
    """Row of FSL-MRS's tables, and the quantity that it is."""
    by_network = found["fsl_mrs"]["by_network"]
    outputs = {name for name, entry in found["metabolites"].items() if not entry["combination"]}
    members = {name: frozenset(outputs & set(COMBINATIONS.get(name, (name,)))) for name in found["metabolites"]}
    pairs = []
    for row in rows:
        parts = [row] if row in by_network else row.split("+")
        if row == "GABA+":
            pairs.append((row, row))
        elif all(part in by_network for part in parts):
            carried = frozenset(quantity for part in parts for quantity in by_network[part])
            pairs += [(row, name) for name, own in members.items() if own == carried]
    return pairs


WATER = ["--wref_metabolite", "NAA", "--ref_protons", "3", "--ref_int_limits", "1.8", "2.2", "--h2o_scale", "2"]

"""Arguments with which FSL-MRS scales by water."""


def fsl(program, *arguments, check=True, **environment):
    """Run a program of FSL-MRS with the back end registered, whether or not the .pth is installed."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FSL_MRS_DL")}
    path = os.pathsep.join([str(ROOT), *filter(None, [clean.get("PYTHONPATH", "")])])
    done = subprocess.run(
        [sys.executable, "-m", "fsl_mrs_dl", "fsl", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**clean, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment},
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done


def run_dl(folder, name, *arguments, data="pp/diff.nii.gz", check=True, **environment):
    """Run ``fsl_mrs --algo dl`` on the example; gives its output folder and what it said."""
    out = folder / name
    done = fsl(
        "fsl_mrs",
        "--data",
        folder / data,
        "--basis",
        folder / "basis" / "diff",
        "--output",
        out,
        "--algo",
        "dl",
        "--overwrite",
        *arguments,
        check=check,
        **environment,
    )
    return out, done


def fsl_version():
    """Major and minor number of the FSL-MRS that is installed."""
    import fsl_mrs

    return tuple(int(part) for part in fsl_mrs.__version__.split(".")[:2])


def takes_baseline_by_name():
    """FSL-MRS from 2.3 on; before, options have other names."""
    from fsl_mrs.utils import fitting

    return "baseline" in inspect.signature(inspect.unwrap(fitting.fit_FSLModel)).parameters
