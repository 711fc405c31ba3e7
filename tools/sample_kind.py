# SPDX-License-Identifier: Apache-2.0
"""Train the small network that tells brains from solutions, and count its errors on spectra of another bank.

``python tools/sample_kind.py BANK TEST_BANK OUTPUT.npz``: banks as of ``fsl_mrs_dl simulate bank``. A minute of
training after four of synthesis; seeds are fixed, so that the same banks give the same network.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import bank_of
from fsl_mrs_dl.basis.bank_files import load_members
from fsl_mrs_dl.quantify.kind import SURE
from fsl_mrs_dl.quantify.kind_network import KindNetwork, features_of
from fsl_mrs_dl.synthesise.concentrations import ConcentrationConfig
from fsl_mrs_dl.synthesise.perturbations.line_shape import LineShapeConfig
from fsl_mrs_dl.synthesise.perturbations.macromolecules import MacromoleculeConfig
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.severity import SeverityConfig
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser

RECIPE = Recipe(
    drop_off=0.4,
    drop_diff=0.15,
    concentrations=ConcentrationConfig(solution_fraction=0.5),
    line_shape=LineShapeConfig(measured_share=0.5, own_spread=(0.0, 1.0), own_shift_ppm=0.0035),
    macromolecules=MacromoleculeConfig(mobile_factor=(0.0, 4.0)),
    severity=SeverityConfig(mild_share=0.5, mild_factor=(0.05, 0.6)),
)
"""Everything on. Conditions are left out more often than in training a model, for each has to be judged alone."""

N_MEMBERS = 96
"""Protocols of each bank that are used."""

SEED, N_PARTS, PART = 20261201, 24, 6000
"""Training spectra: parts with a seed each, from `SEED` on."""

TEST_SEED, N_TEST_PARTS, TEST_PART = 20261131, 2, 5000
"""The same of the spectra that errors are counted on."""

TRAINING_SEED = 20261121

N_HIDDEN, BATCH, EPOCHS, RATE, DECAY = 96, 256, 10, 2e-3, 1e-3


def spectra(bank_folder: Path, n: int, seed: int) -> tuple[NDArray, NDArray, NDArray]:
    """Features of `n` spectra, whether each is a brain, and the conditions present."""
    bank = bank_of(load_members(bank_folder)[:N_MEMBERS], RECIPE.metabolites, RECIPE.grid)
    synthesiser, rng = Synthesiser(RECIPE, bank), np.random.default_rng(seed)
    parts = [synthesiser.batch(200, rng) for _ in range(n // 200)]
    features = np.concatenate([features_of(part.channels, part.present) for part in parts]).astype(np.float16)
    return features, *(np.concatenate([getattr(part, name) for part in parts]) for name in ("is_brain", "present"))


def parts_of(bank_folder: Path, n: int, seeds: Iterable[int]) -> tuple[NDArray, NDArray, NDArray]:
    """`spectra` of several seeds, one after the other."""
    parts = [spectra(bank_folder, n, seed) for seed in seeds]
    features, is_brain, present = (np.concatenate(column) for column in zip(*parts, strict=True))
    return features.astype(np.float32), is_brain, present


def train(features: NDArray, is_brain: NDArray, seed: int = TRAINING_SEED) -> KindNetwork:
    """Cross entropy by Adam (Kingma and Ba 2015, arXiv:1412.6980) with decoupled weight decay."""
    rng = np.random.default_rng(seed)
    n, k = features.shape
    weights = [rng.normal(size=(k + 1, N_HIDDEN)) / np.sqrt(k), rng.normal(size=N_HIDDEN + 1) / np.sqrt(N_HIDDEN)]
    weights = [w.astype(np.float32) for w in weights]
    first, second = ([np.zeros_like(w) for w in weights] for _ in range(2))
    n_steps = EPOCHS * (n // BATCH)
    for step in range(n_steps):
        rows = rng.integers(n, size=BATCH)
        x = np.hstack([features[rows], np.ones((BATCH, 1), np.float32)])
        middle = np.hstack([np.tanh(x @ weights[0]), np.ones((BATCH, 1), np.float32)])
        error = 1 / (1 + np.exp(-np.clip(middle @ weights[1], -30, 30))) - is_brain[rows]
        back = error[:, None] * weights[1][None, :-1] * (1 - middle[:, :-1] ** 2)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / n_steps))
        for i, gradient in enumerate((x.T @ back / BATCH, middle.T @ error / BATCH)):
            first[i] = 0.9 * first[i] + 0.1 * gradient
            second[i] = 0.999 * second[i] + 0.001 * gradient**2
            mean, square = first[i] / (1 - 0.9 ** (step + 1)), second[i] / (1 - 0.999 ** (step + 1))
            weights[i] = (weights[i] * (1 - rate * DECAY) - rate * mean / (np.sqrt(square) + 1e-8)).astype(np.float32)
    return KindNetwork(*weights)


def main() -> None:
    """Train, save, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bank", type=Path)
    parser.add_argument("test_bank", type=Path)
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    features, is_brain, _ = parts_of(args.bank, PART, range(SEED, SEED + N_PARTS))
    network = train(features, is_brain.astype(np.float32))
    # half precision is enough, and what is shipped is what is counted
    stored = {"hidden": network.hidden.astype(np.float16), "output": network.output.astype(np.float16)}
    np.savez_compressed(args.output, **stored)
    network = replace(network, **{name: w.astype(np.float32) for name, w in stored.items()})
    features, is_brain, present = parts_of(args.test_bank, TEST_PART, range(TEST_SEED, TEST_SEED + N_TEST_PARTS))
    p = network.probability(features)
    for name, shown in (("pair", (1, 1)), ("DIFF alone", (0, 1)), ("edit_off alone", (1, 0))):
        rows = (present == shown).all(axis=1)
        for kind, of_kind, wrong in (("brains", is_brain, p < 0.5), ("solutions", ~is_brain, p >= 0.5)):
            chosen = rows & of_kind
            unclear = (p[chosen] > 1 - SURE) & (p[chosen] < SURE)
            print(
                f"{name:15s} {kind:10s} {chosen.sum():5d}: {100 * wrong[chosen].mean():.2f} % wrong, "
                f"{100 * unclear.mean():.2f} % unclear, {100 * (wrong[chosen] & ~unclear).mean():.2f} % wrong and sure"
            )


if __name__ == "__main__":
    main()
