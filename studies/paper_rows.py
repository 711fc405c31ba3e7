# SPDX-License-Identifier: Apache-2.0
"""The trainings of `paper.py`: which network on which spectra, trained and judged on simulated spectra."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.files import atomic_path, write_json
from fsl_mrs_dl.networks import build_network
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training.banks import bank_of_recipe
from fsl_mrs_dl.training.config import TrainConfig, merged, read_config, read_toml
from fsl_mrs_dl.training.dataset import open_dataset, write_dataset
from fsl_mrs_dl.training.loop import Trainer
from fsl_mrs_dl.training.selection.run import held_out_recipe
from fsl_mrs_dl.training.selection.space import configured
from fsl_mrs_dl.training.selection.trial import FixedSpectra
from fsl_mrs_dl.validation.metrics import evaluate

ROOT = Path(__file__).resolve().parents[1]

NETWORKS = ("selected_cnn", "selected_yae", "cnn", "yae", "fcnn")
SPECTRA = ("paper_fixed", "ours_fixed", "ours_streamed")
SEEDS = (1, 2, 3)

PAPER_WIDTH_HZ = (0.5, 10.0)
"""Line widths of the paper's augmentation: its range was not published; that of its authors' tools is taken."""

_TEST_SEED = 2000
"""Added to the bank's seed: protocols that neither training nor selection has seen."""

_DATA_SEED, _OWN_SEED, _HELD_OUT_SEED = 101, 102, 103


@dataclass(frozen=True)
class Row:
    """One training."""

    network: str
    spectra: str
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.network}-{self.spectra}-{self.seed}"


@dataclass(frozen=True)
class Plan:
    """What all rows share.

    Parameters
    ----------
    folder : Path
        Of banks, data sets and rows.
    n_spectra, n_test : int
        Of the fixed training sets, and of each set that is judged on.
    n_seen : int
        Spectra that a training sees, those seen again counted: the same for all rows.
    logs : mapping of str to str
        Logs of the selections of `selected_cnn` and `selected_yae`.
    device : str
    drawers : int
        Processes that draw the spectra of a streamed row for a GPU.
    n_members : int
        0 for the bank of the configuration; fewer to try things out.
    """

    folder: Path
    n_spectra: int
    n_test: int
    n_seen: int
    logs: Mapping[str, str]
    device: str
    drawers: int = 1
    n_members: int = 0


def rows_of(only: Sequence[str] = (), without: Sequence[str] = ()) -> list[Row]:
    """All trainings, the table's first; those with one of the parts `only` in their name, and none of `without`."""
    rows = [Row(network, spectra, 1) for spectra in SPECTRA[:2] for network in NETWORKS]
    rows += [Row(network, SPECTRA[1], seed) for seed in SEEDS[1:] for network in NETWORKS[:4]]
    rows += [Row(network, SPECTRA[2], 1) for network in NETWORKS]
    rows = [row for row in rows if not only or any(part in row.name for part in only)]
    return [row for row in rows if not any(part in row.name for part in without)]


def recipe_of(spectra: str, plan: Plan) -> Recipe:
    """The recipe of a kind of spectra."""
    if spectra.startswith("paper"):
        settings = read_toml(ROOT / "configs" / "paper.toml")["recipe"]
        changes = {"line_shape": {"width_hz": PAPER_WIDTH_HZ}, "bank": {"n_members": 1}}
        return from_mapping(Recipe, merged(settings, changes), "paper.toml, line widths varied")
    recipe = read_config(ROOT / "configs" / "phantom_cnn.toml").recipe
    if not plan.n_members:
        return recipe
    bank = dataclasses.replace(recipe.bank, n_members=plan.n_members, n_positions=4)
    return dataclasses.replace(recipe, bank=bank)


def config_of(row: Row, plan: Plan) -> TrainConfig:
    """The training of a row: settings of a selection where it is one, the package's defaults otherwise."""
    network, values = row.network, {}
    if network.startswith("selected_"):
        network = network.removeprefix("selected_")
        best = json.loads(Path(plan.logs[row.network]).read_text("utf-8"))["best"]
        if best is None:
            raise LookupError(f"{plan.logs[row.network]} has no completed trial")
        values = best["values"]
    emphasis = {"GABA": 2.0, "Glu": 2.0, "Gln": 2.0}
    base = TrainConfig(
        name=row.name, seed=row.seed, emphasis=emphasis, network={"name": network}, recipe=recipe_of(row.spectra, plan)
    )
    config = configured(base, values)
    n_steps = max(1, plan.n_seen // config.optimiser.batch_size)
    eighth = max(1, n_steps // 8)
    optimiser = dataclasses.replace(
        config.optimiser,
        n_steps=n_steps,
        warmup_steps=max(1, n_steps // 20),
        validate_every=eighth,
        checkpoint_every=eighth,
        n_validation=min(1000, plan.n_test),
        patience=1000,
        coarse_share=0.85,
        threads=1,
    )
    return dataclasses.replace(config, optimiser=optimiser)


def banks_and_data(plan: Plan, workers: int) -> None:
    """Make what the rows need: both fixed training sets, and three sets to judge on."""
    for kind in ("paper", "ours"):
        recipe = recipe_of(kind, plan)
        synthesiser = Synthesiser(recipe, bank_of_recipe(recipe, plan.folder / f"bank_{kind}", workers))
        _write(synthesiser, plan.n_spectra, _DATA_SEED, plan.folder / f"data_{kind}", workers)
        own = dataclasses.replace(recipe, drop_off=0.0, drop_diff=0.0)
        _write(Synthesiser(own, synthesiser.bank), plan.n_test, _OWN_SEED, plan.folder / f"own_{kind}", workers)
    recipe = held_out_recipe(recipe_of("ours", plan), _TEST_SEED)
    synthesiser = Synthesiser(recipe, bank_of_recipe(recipe, plan.folder / "bank_test", workers))
    _write(synthesiser, plan.n_test, _HELD_OUT_SEED, plan.folder / "held_out", workers)


def _write(synthesiser: Synthesiser, n: int, seed: int, folder: Path, workers: int) -> None:
    if not folder.exists():
        write_dataset(synthesiser, n, seed, folder, workers=workers)


def is_done(row: Row, plan: Plan) -> bool:
    """Whether a row was trained and judged."""
    return (plan.folder / "rows" / row.name / "row.json").is_file()


def try_row(row: Row, plan: Plan) -> str:
    """`train_row`; what went wrong, or nothing."""
    try:
        train_row(row, plan)
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"
    return ""


def train_row(row: Row, plan: Plan) -> None:
    """Train a row, judge it on simulated spectra, and keep its weights in half precision; nothing if it is there."""
    if is_done(row, plan):
        return
    folder = plan.folder / "rows" / row.name
    folder.mkdir(parents=True, exist_ok=True)
    config, kind = config_of(row, plan), row.spectra.partition("_")[0]
    streamed = row.spectra.endswith("streamed")
    own = open_dataset(plan.folder / f"own_{kind}", config.recipe).rows(slice(None))
    spectra: Any = FixedSpectra(config.recipe, own)
    if streamed:
        spectra = Synthesiser(config.recipe, bank_of_recipe(config.recipe, plan.folder / f"bank_{kind}"))
    dataset = None if streamed else open_dataset(plan.folder / f"data_{kind}", config.recipe)
    trainer = Trainer(config, spectra, folder, dataset, device=plan.device, workers=plan.drawers)
    trainer.run()
    found = {"own": _scores(trainer, plan.folder / f"own_{kind}")}
    found["held_out"] = _scores(trainer, plan.folder / "held_out")
    weights = {k: _halved(v) for k, v in trainer.average.state_dict().items() if not k.startswith("decoder.")}
    with atomic_path(folder / "weights.safetensors") as path:
        save_file({**weights, "target_scale": torch.from_numpy(trainer.target_scale)}, path)
    record = {
        "network": config.network,
        "optimiser": dataclasses.asdict(config.optimiser),
        "outputs": list(config.recipe.outputs),
        "n_points": config.recipe.grid.n_points,
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
        "steps": trainer.step,
        "seconds": round(trainer.elapsed_s, 1),
        "history": trainer.history,
        "simulated": found,
    }
    write_json(folder / "row.json", record)
    for name in ("checkpoint.safetensors", "progress.json"):
        (folder / name).unlink(missing_ok=True)


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    kept = tensor.detach().cpu()
    return (kept.half() if kept.dtype.is_floating_point else kept).contiguous()


def _scores(trainer: Trainer, folder: Path) -> dict[str, Any]:
    """Max-normalised errors on a data set."""
    batch = open_dataset(folder, trainer.config.recipe).rows(slice(None))
    mean, _ = trainer.predict(batch)
    return scores(np.maximum(mean, 0), batch.target, trainer.outputs)


def scores(estimates: NDArray, truths: NDArray, names: Sequence[str]) -> dict[str, Any]:
    """`fsl_mrs_dl.validation.metrics.evaluate` of arrays, shape ``(n, n_names)``."""
    rows = [[dict(zip(names, map(float, row), strict=True)) for row in values] for values in (truths, estimates)]
    return evaluate(*rows)


class RowModel:
    """The network of a finished row, on the CPU.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.record = json.loads((folder / "row.json").read_text("utf-8"))
        self.outputs = tuple(self.record["outputs"])
        network = build_network(self.record["network"], self.record["n_points"], len(self.outputs))
        weights = load_file(folder / "weights.safetensors")
        self._scale = weights.pop("target_scale").numpy()
        kept = {k: v.float() if v.dtype.is_floating_point else v for k, v in weights.items()}
        missing = [
            name for name in network.load_state_dict(kept, strict=False).missing_keys if not name.startswith("decoder.")
        ]
        if missing:
            raise SystemExit(f"{folder} lacks weights: {', '.join(missing)}")
        self._network = network.eval()

    def estimates(self, channels: NDArray, present: NDArray) -> NDArray:
        """Amplitudes relative to the scale of each spectrum, shape ``(n, n_outputs)``."""
        with torch.inference_mode():
            answer = self._network(torch.from_numpy(channels), torch.from_numpy(present))
        return np.maximum(answer[0].numpy() * self._scale, 0)
