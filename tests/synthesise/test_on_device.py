# SPDX-License-Identifier: Apache-2.0
"""Spectra made by torch of plans: those that the CPU makes of the same draws, whatever perturbs them."""

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.basis.bank import bank_of
from fsl_mrs_dl.basis.bank_files import load_members, simulate_members
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.synthesise.context import Stage
from fsl_mrs_dl.synthesise.operations import Noted
from fsl_mrs_dl.synthesise.perturbation import Drawn
from fsl_mrs_dl.synthesise.plan import draw_plan, plan_of, planner
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training.config import read_stages

torch = pytest.importorskip("torch")
from fsl_mrs_dl.synthesise.on_device import DeviceSynthesiser  # noqa: E402 -- needs torch

CONFIG = Path(__file__).parents[2] / "configs" / "invivo.toml"
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def synthesiser(tmp_path_factory):
    """Everything on, as the shipped brain model has it; but for the protocol's description, which no sample shows."""
    recipe = read_stages(CONFIG)[-1].recipe
    small = dataclasses.replace(recipe.bank, n_members=3, n_positions=4)
    told = dataclasses.replace(recipe.told, n_components=0)
    recipe = dataclasses.replace(recipe, bank=small, told=told)
    folder = tmp_path_factory.mktemp("bank")
    simulate_members(small, recipe.metabolites, folder)
    return Synthesiser(recipe, bank_of(load_members(folder), recipe.metabolites, recipe.grid, groups_apart=True))


def assert_alike(made, expected):
    """Every array within `TOLERANCE` of its row's largest value."""
    for name in ("channels", "present", "target", "scale", "clean"):
        got, wanted = getattr(made, name).cpu().numpy(), getattr(expected, name)
        axes = tuple(range(1, wanted.ndim))
        largest = np.abs(wanted).max(axis=axes, keepdims=True)
        assert (np.abs(got - wanted) <= TOLERANCE * largest).all(), name


def test_as_the_cpu_with_everything_on(synthesiser):
    drawn = synthesiser.draw(150, np.random.default_rng(1))
    assert len(drawn.parts) >= 5
    assert not drawn.keep_diff.all()
    assert not drawn.keep_off.all()
    plan = plan_of(planner(synthesiser), drawn, clean=True)
    made = DeviceSynthesiser(synthesiser, "cpu").make(pickle.loads(pickle.dumps(plan)))
    assert_alike(made, synthesiser.render(drawn, clean=True))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_as_the_cpu_on_a_gpu(synthesiser):
    drawn = synthesiser.draw(150, np.random.default_rng(1))
    made = DeviceSynthesiser(synthesiser, "cuda").make(plan_of(synthesiser, drawn, clean=True))
    assert_alike(made, synthesiser.render(drawn, clean=True))


def test_a_plan_holds_no_samples(synthesiser):
    plan = draw_plan(planner(synthesiser), 64, np.random.default_rng(2))
    assert len(pickle.dumps(plan)) / 64 < 8 * synthesiser.n_times
    assert len(pickle.dumps(planner(synthesiser))) < len(pickle.dumps(synthesiser)) / 4


def test_the_key_decides_the_noise(synthesiser):
    maker, made = DeviceSynthesiser(synthesiser, "cpu"), []
    for key in (7, 7, 8):
        plan = draw_plan(synthesiser, 6, np.random.default_rng(3))
        made.append(maker.make(dataclasses.replace(plan, noise_key=key)).channels.numpy())
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any(axis=(1, 2)).all()


@dataclasses.dataclass(frozen=True)
class Plain(Drawn):
    """What somebody writes who knows nothing of devices: arrays added, and factors."""

    stage = Stage.ADDED
    size: np.ndarray

    def apply(self, signals):
        """A ramp, a factor on both parts, one on each part, one common to all samples."""
        n_times = signals.off.shape[-1]
        signals.off += self.size[:, None, None] * np.linspace(0, 1, n_times)
        signals.on *= 1 + self.size[:, None, None].astype(np.float32)
        signals.off *= np.array([1.0, 0.5], dtype=np.float32)[None, :, None]
        signals.on *= np.linspace(1, 0, n_times, dtype=np.float32)[None, None, :]
        signals.response = signals.response * (1 + 1j * self.size[:, None])


def test_arrays_that_a_perturbation_adds_or_multiplies_by(synthesiser):
    drawn = synthesiser.draw(40, np.random.default_rng(4))
    drawn = dataclasses.replace(drawn, parts={**drawn.parts, "plain": Plain(np.linspace(0.1, 1, 40))})
    made = DeviceSynthesiser(synthesiser, "cpu").make(plan_of(synthesiser, drawn, clean=True))
    assert_alike(made, synthesiser.render(drawn, clean=True))


def test_reading_samples_that_are_elsewhere_is_an_error():
    with pytest.raises(ConfigError, match="another device"):
        np.abs(np.asarray(Noted("off", (2, 2, 8), [])))


def test_a_grid_of_no_plain_transform_is_refused(synthesiser):
    other = Synthesiser(dataclasses.replace(synthesiser.recipe, grid=PpmGrid(0.6, 4.2, 700)), synthesiser.bank)
    with pytest.raises(ConfigError, match="on the CPU only"):
        DeviceSynthesiser(other, "cpu")
