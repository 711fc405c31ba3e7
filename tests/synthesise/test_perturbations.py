# SPDX-License-Identifier: Apache-2.0
"""The registry of perturbations: files are sections, and the order in which they are found changes no spectrum."""

from __future__ import annotations

import pkgutil
import sys
import types
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.basis.bank import bank_of
from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.basis.bank_files import load_members, simulate_members
from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.synthesise import perturbations
from fsl_mrs_dl.synthesise.context import Signals
from fsl_mrs_dl.synthesise.groups import all_groups
from fsl_mrs_dl.synthesise.perturbation import Drawn, Group, Perturbation
from fsl_mrs_dl.synthesise.perturbations import registered
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser

NAMES = ("Cr", "GABA", "Glu", "NAA")


@dataclass(frozen=True)
class Factors(Drawn):
    """A factor on each spectrum."""

    factor: np.ndarray

    def apply(self, signals: Signals) -> None:
        """Multiply both conditions."""
        for signal in (signals.off, signals.on):
            signal *= self.factor[:, None, None].astype(np.float32)


@dataclass(frozen=True)
class Offset(Drawn):
    """A constant on each spectrum."""

    offset: np.ndarray

    def apply(self, signals: Signals) -> None:
        """Add it to OFF."""
        signals.off += self.offset[:, None, None].astype(np.float32)


@dataclass(frozen=True)
class Louder(Perturbation):
    """Settings of `Factors`."""

    groups = (Group("louder", "+ louder", "louder", {"spread": 0.0}),)
    spread: float = 0.3

    def draw(self, scene, rng):
        """Draw it."""
        return Factors(1 + self.spread * rng.uniform(size=scene.n))


@dataclass(frozen=True)
class Higher(Perturbation):
    """Settings of `Offset`."""

    groups = (Group("higher", "+ higher", "higher", {"height": 0.0}),)
    height: float = 0.3

    def draw(self, scene, rng):
        """Draw it."""
        return Offset(self.height * rng.uniform(size=scene.n))


@dataclass(frozen=True)
class Wider(Recipe):
    """A recipe of a program with more files."""

    more: dict[str, Perturbation] = field(default_factory=dict)

    @property
    def perturbations(self):
        """Those files too."""
        return {**super().perturbations, **self.more}


BASE = {"metabolites": NAMES, "bank": BankConfig(n_members=2, n_positions=4)}


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    simulate_members(BASE["bank"], NAMES, folder)
    return bank_of(load_members(folder), NAMES, Recipe().grid)


def batch(bank, **more):
    return Synthesiser(Wider(**BASE, more=more), bank).batch(6, np.random.default_rng(3))


def test_each_file_is_a_section_whose_settings_have_their_names():
    files = {path.stem for path in Path(perturbations.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(registered()) == files
    assert files < {section.name for section in fields(Recipe)}
    recipe = Recipe()
    for section, part in recipe.perturbations.items():
        assert part is getattr(recipe, section)
        off = part.off()
        assert off.off() == off
        assert off.is_on == (not part.groups)
        for group in part.groups:
            assert set(group.off) <= {setting.name for setting in fields(part)}
    places = [kind.order for kind in registered().values()]
    assert len(set(places)) == len(places)


def test_files_may_be_found_in_any_order(monkeypatch):
    found = list(pkgutil.iter_modules(perturbations.__path__))
    monkeypatch.setattr(perturbations.pkgutil, "iter_modules", lambda _: reversed(found))
    assert list(registered.__wrapped__()) == list(registered())


def test_a_file_holds_one_perturbation(monkeypatch):
    module = types.ModuleType("fsl_mrs_dl.synthesise.perturbations.empty")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    info = pkgutil.ModuleInfo(None, "empty", False)
    monkeypatch.setattr(perturbations.pkgutil, "iter_modules", lambda _: [info])
    with pytest.raises(TypeError, match="must hold one subclass of Perturbation, and holds 0"):
        registered.__wrapped__()


def test_new_ones_draw_from_streams_of_their_own(bank):
    plain = Synthesiser(Recipe(**BASE), bank).batch(6, np.random.default_rng(3))
    for more in ({}, {"louder": Louder(spread=0.0), "higher": Higher(height=0.0)}):
        np.testing.assert_array_equal(batch(bank, **more).channels, plain.channels)
    alone, both = (
        Synthesiser(Wider(**BASE, more=more), bank).draw(6, np.random.default_rng(3))
        for more in ({"higher": Higher()}, {"louder": Louder(), "higher": Higher()})
    )
    np.testing.assert_array_equal(alone.parts["higher"].offset, both.parts["higher"].offset)
    np.testing.assert_array_equal(alone.noise, both.noise)
    assert not np.allclose(both.parts["louder"].factor - 1, both.parts["higher"].offset), "one stream for both"
    with_both = batch(bank, louder=Louder(), higher=Higher())
    assert np.abs(with_both.channels - plain.channels).max() > 0.01


def test_the_order_of_registration_changes_no_draw(bank):
    one, two = (
        Synthesiser(Wider(**BASE, more=more), bank).draw(6, np.random.default_rng(3))
        for more in ({"louder": Louder(), "higher": Higher()}, {"higher": Higher(), "louder": Louder()})
    )
    np.testing.assert_array_equal(one.parts["louder"].factor, two.parts["louder"].factor)
    np.testing.assert_array_equal(one.parts["higher"].offset, two.parts["higher"].offset)


def test_off_in_a_configuration_starts_from_the_papers_conditions():
    plain = from_mapping(Recipe, {"perturbations": "off"}, "recipe")
    for path, value in ((path, value) for group in all_groups().values() for path, value in group.off.items()):
        found = plain
        for name in path.split("."):
            found = getattr(found, name)
        assert found == value, path
    own = from_mapping(Recipe, {"perturbations": "off", "line_shape": {"width_hz": [3.0, 4.0]}}, "recipe")
    assert own.line_shape == replace(plain.line_shape, width_hz=(3.0, 4.0))
    assert from_mapping(Recipe, {"perturbations": "on"}, "recipe") == Recipe()
    with pytest.raises(ConfigError, match="did you mean 'off'"):
        from_mapping(Recipe, {"perturbations": "of"}, "recipe")
