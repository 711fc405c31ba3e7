# SPDX-License-Identifier: Apache-2.0
"""The table and the figure of `paper.py`, from what its trainings left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from paper_rows import NETWORKS, ROOT, SEEDS, SPECTRA, Row, RowModel, rows_of, scores

from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.core.files import atomic_path, write_json
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.models.inputs import PpmGrid, prepare
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.training.config import read_config
from fsl_mrs_dl.training.dataset import open_dataset
from fsl_mrs_dl.validation.metrics import evaluate
from fsl_mrs_dl.validation.run import files_of, read_truth

PUBLISHED = {"simulation": "0.024 to 0.026", "phantoms": {"YAE": 0.151, "FCNN": 0.160, "LCModel": 0.220}}
"""Mean absolute error of GABA, max-normalised: the paper's abstract and tables (arXiv 2602.20289)."""

PROGRAMS = {
    "LCModel": ("lcmodel", "lcmodel_off"),
    "FSL-MRS's Newton": ("newton", "newton_off"),
    "our classical fit": ("linear_combination",),
}
SHOWN = ("GABA", "Glu", "Gln", "NAA", "Cr")

SHIPPED = {"phantom_cnn": "selected_cnn", "phantom_yae": "selected_yae", "phantom": ""}
"""Models of the package, and the selected network of the same kind."""


def report(folder: Path, phantoms: Path) -> None:
    """Judge the rows on measured phantoms where they are there, and write ``paper.json``, ``.md`` and ``.png``."""
    rows = [row for row in rows_of() if (folder / "rows" / row.name / "row.json").is_file()]
    if not rows:
        raise SystemExit(f"{folder} holds no finished row; train some first")
    shown = _phantoms(phantoms)
    table = {row.name: _judged(row, folder, shown) for row in rows}
    seeds = _of_seeds(table)
    result = {
        "published": PUBLISHED,
        "phantoms": "phantom_dev" if shown else "not there: only simulated spectra are reported",
        "classical": _classical() if shown else {},
        "shipped": {name: _shipped(name, folder / "held_out", shown) for name in SHIPPED},
        "rows": table,
        "seeds": seeds,
    }
    write_json(folder / "paper.json", result)
    with atomic_path(folder / "paper.md") as path:
        path.write_text(_text(result), encoding="utf-8")
    _draw(result, folder / "paper.png")
    print(_text(result))


Phantoms = tuple[NDArray, NDArray, list[dict[str, float]]]
"""Channels, which conditions are there, and truths."""


def _phantoms(folder: Path) -> Phantoms | None:
    """What a network is shown of each data set, and the truths; None where they are not there."""
    if not (folder / "truth.json").is_file():
        return None
    truths = read_truth(folder / "truth.json")
    made = [prepare(load(path).spectra, PpmGrid()) for path in files_of(folder, truths)]
    channels, present = np.stack([one.channels for one in made]), np.stack([one.present for one in made])
    return channels, present, [dict(truth.values) for truth in truths]


def _judged(row: Row, folder: Path, shown: Phantoms | None) -> dict[str, Any]:
    model = RowModel(folder / "rows" / row.name)
    record = model.record
    found = dict(record["simulated"])
    if shown is not None:
        channels, present, truths = shown
        found["phantom_dev"] = evaluate(truths, _named(model.outputs, model.estimates(channels, present)))
    kept = {key: record[key] for key in ("network", "parameters", "steps", "seconds")}
    return {**kept, "batch_size": record["optimiser"]["batch_size"], "errors": found}


def _named(outputs: tuple[str, ...], estimates: NDArray) -> list[dict[str, float]]:
    return [dict(zip(outputs, map(float, values), strict=True)) for values in estimates]


def _shipped(name: str, held_out: Path, shown: Phantoms | None) -> dict[str, Any]:
    """Errors of a model of the package on the spectra that the rows are judged on."""
    model = LoadedModel(open_model(ROOT / "weights" / name))
    recipe = read_config(ROOT / "configs" / "phantom_cnn.toml").recipe
    columns = [model.outputs.index(output) for output in recipe.outputs]

    def estimates(channels: NDArray, present: NDArray) -> NDArray:
        mean = model.predict_batch(channels, present, np.ones(len(channels))).mean
        return np.maximum(mean[:, columns], 0)

    batch = open_dataset(held_out, recipe).rows(slice(None))
    found = {"held_out": scores(estimates(batch.channels, batch.present), batch.target, recipe.outputs)}
    if shown is not None:
        channels, present, truths = shown
        found["phantom_dev"] = evaluate(truths, _named(recipe.outputs, estimates(channels, present)))
    return {"spectra": model.folder.card.training.spectra, "errors": found}


def _classical() -> dict[str, dict[str, float]]:
    """Errors of classical programs on the same data sets, of each the better of its variants by metabolite."""
    against = open_model(ROOT / "weights" / "phantom").card.validation["phantom_dev"].against
    found = {}
    for label, variants in PROGRAMS.items():
        found[label] = {
            name: min(against[v][name].mae for v in variants if name in against.get(v, {}))
            for name in SHOWN
            if any(name in against.get(v, {}) for v in variants)
        }
    return found


def _of_seeds(table: dict[str, Any]) -> dict[str, Any]:
    """Mean and spread over seeds of GABA's and of the mean error on held-out protocols, by network."""
    found = {}
    for network in NETWORKS[:4]:
        names = [Row(network, SPECTRA[1], seed).name for seed in SEEDS]
        errors = [table[name]["errors"]["held_out"] for name in names if name in table]
        if len(errors) < 2:
            continue
        gaba = np.array([of["GABA"]["mae"] for of in errors])
        every = np.array([_mean_error(of) for of in errors])
        found[network] = {
            "seeds": len(errors),
            "gaba": [float(gaba.mean()), float(gaba.std(ddof=1))],
            "mean": [float(every.mean()), float(every.std(ddof=1))],
        }
    return found


def _text(result: dict[str, Any]) -> str:
    """The tables in Markdown, and what they say."""
    lines = [
        "GABA, max-normalised; *mean* is the mean absolute error over " + ", ".join(SHOWN) + ".",
        "",
        "| network | trained on | spectra judged | MAE | slope | R² | constant | mean |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in result["rows"].items():
        network, spectra, seed = name.split("-")
        if seed != "1":
            continue
        lines += _lines(network, spectra, row["errors"])
    for name, row in result["shipped"].items():
        lines += _lines(f"shipped {name}", f"{row['spectra'] / 1e6:.1f} million", row["errors"])
    for label, errors in result["classical"].items():
        every = np.mean(list(errors.values()))
        lines.append(f"| {label} | | phantom_dev | {errors['GABA']:.3f} | | | | {every:.3f} |")
    phantoms = ", ".join(f"{name} {value:.3f}" for name, value in PUBLISHED["phantoms"].items())
    lines += [
        "",
        f"The paper, of its own spectra: simulation {PUBLISHED['simulation']}; 144 phantom spectra: {phantoms}.",
        "",
        *_seed_lines(result["seeds"]),
        *_stay_lines(result),
    ]
    return "\n".join(lines) + "\n"


def _lines(label: str, spectra: str, found: dict[str, Any]) -> list[str]:
    """Rows of the table: of one network, on each kind of spectra."""
    lines = []
    for where, errors in found.items():
        gaba = errors["GABA"]
        numbers = f"{_n(gaba['mae'])} | {_n(gaba['slope'], 2)} | {_n(gaba['r2'])} | {_n(gaba['mae_constant'])}"
        lines.append(f"| {label} | {spectra} | {where} | {numbers} | {_mean_error(errors):.3f} |")
    return lines


def _mean_error(errors: dict[str, Any]) -> float:
    return float(np.mean([errors[name]["mae"] for name in SHOWN]))


def _stay_lines(result: dict[str, Any]) -> list[str]:
    """Of each shipped model, whether a selected network of its kind errs less on held-out protocols."""
    lines = []
    for model, network in SHIPPED.items():
        errors = {
            name: _mean_error(row["errors"]["held_out"])
            for name, row in result["rows"].items()
            if network and name.startswith(f"{network}-ours")
        }
        if errors:
            best = min(errors, key=errors.__getitem__)
            here = _mean_error(result["shipped"][model]["errors"]["held_out"])
            lines += ["", stays(model, here, best, errors[best])]
    return lines


def stays(model: str, shipped: float, row: str, selected: float) -> str:
    """A sentence on whether the shipped model stays: mean errors on held-out protocols of both."""
    numbers = f"{shipped:.4f} against {selected:.4f} of {row}"
    if selected <= shipped:
        return f"{model}: a selected network is at least as good on held-out protocols ({numbers}) and takes its place."
    return f"{model} stays: it errs less on held-out protocols ({numbers})."


def _n(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _seed_lines(seeds: dict[str, Any]) -> list[str]:
    """Selected against default, with means and spreads, and whether the gain exceeds the spread."""
    lines = ["| network | seeds | GABA: mean (SD) | all five: mean (SD) |", "|---|---|---|---|"]
    for network, of in seeds.items():
        cells = " | ".join(f"{of[key][0]:.4f} ({of[key][1]:.4f})" for key in ("gaba", "mean"))
        lines.append(f"| {network} | {of['seeds']} | {cells} |")
    lines.append("")
    for network in ("cnn", "yae"):
        if {network, f"selected_{network}"} <= set(seeds):
            lines.append(gain(network, seeds[network]["mean"], seeds[f"selected_{network}"]["mean"]))
    return lines


def gain(network: str, plain: list[float], selected: list[float]) -> str:
    """A sentence on what selection bought on held-out protocols: mean and SD over seeds of both."""
    difference, spread = plain[0] - selected[0], float(np.hypot(plain[1], selected[1]))
    numbers = f"{plain[0]:.4f} to {selected[0]:.4f}, spread of the difference {spread:.4f}"
    if abs(difference) <= spread:
        return f"{network}: selection changed nothing beyond the spread of the seeds ({numbers})."
    if difference < 0:
        return f"{network}: the selected network is worse than the default one ({numbers})."
    return f"{network}: the selected network's error is {100 * difference / plain[0]:.0f} % smaller ({numbers})."


@plain_style()
def _draw(result: dict[str, Any], path: Path) -> None:
    """GABA's error by network and kind of training, on each kind of spectra."""
    places = [w for w in ("own", "held_out", "phantom_dev") if any(w in r["errors"] for r in result["rows"].values())]
    titles = {"own": "own simulation", "held_out": "held-out protocols", "phantom_dev": "phantom_dev"}
    figure = new_figure(figsize=(4 * len(places), 3.6), layout="constrained")
    colours = dict(zip(SPECTRA, ("#D55E00", "#0072B2", "#009E73"), strict=True))
    for axes, where in zip(np.atleast_1d(figure.subplots(1, len(places), sharey=True)), places, strict=True):
        for shift, spectra in enumerate(SPECTRA):
            rows = {network: result["rows"].get(Row(network, spectra, 1).name) for network in NETWORKS}
            found = [(i, r["errors"][where]["GABA"]["mae"]) for i, r in enumerate(rows.values()) if r is not None]
            if found:
                x, y = zip(*found, strict=True)
                axes.bar(np.array(x) + 0.27 * (shift - 1), y, width=0.25, color=colours[spectra], label=spectra)
        if where == "phantom_dev" and result["classical"]:
            for label, errors in result["classical"].items():
                axes.axhline(errors["GABA"], lw=0.8, ls="--", color="0.4")
                axes.text(4.6, errors["GABA"], label, fontsize=6, ha="right", va="bottom")
        axes.set_xticks(range(len(NETWORKS)), NETWORKS, rotation=30, ha="right", fontsize=7)
        axes.set_title(titles[where], fontsize=9)
    first = figure.axes[0]
    first.set_ylabel("mean absolute error of GABA, max-normalised")
    first.legend(fontsize=7)
    save_figure(path, figure, dpi=110)
