# SPDX-License-Identifier: Apache-2.0
"""What training spectra are made from: a section for the bank, the concentrations and each perturbation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.core.errors import ConfigError, nearest
from fsl_mrs_dl.metabolites.table import BROAD, SIMULATED
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.synthesise.concentrations import ConcentrationConfig
from fsl_mrs_dl.synthesise.groups import switched_off
from fsl_mrs_dl.synthesise.perturbation import Perturbation
from fsl_mrs_dl.synthesise.perturbations import registered
from fsl_mrs_dl.synthesise.severity import SeverityConfig
from fsl_mrs_dl.synthesise.told import ToldConfig


@dataclass(frozen=True)
class _Common:
    """Everything that training spectra are made from; written into the model card as it is.

    Beside these settings a recipe has a section for each file of `fsl_mrs_dl.synthesise.perturbations`. In a
    configuration ``perturbations = "off"`` starts from the paper's conditions, with all of them switched off
    (`fsl_mrs_dl.synthesise.groups`); what else stands in the recipe comes on top.

    Parameters
    ----------
    metabolites : tuple of str
        Simulated metabolites.
    acquired_s : tuple of two float
        Range of acquisition times.
    drop_off, drop_diff : float
        Fraction of spectra of which only DIFF, or only edit_off, is shown.
    grid : PpmGrid
        Points of the spectra.
    bank : BankConfig
        Protocols.
    concentrations : ConcentrationConfig
    severity : SeverityConfig
        How many of the spectra are good scans.
    told : ToldConfig
        What the network is told of the protocol.
    """

    metabolites: tuple[str, ...] = SIMULATED
    acquired_s: tuple[float, float] = (0.4, 1.024)
    drop_off: float = 0.2
    drop_diff: float = 0.05
    grid: PpmGrid = field(default_factory=PpmGrid)
    bank: BankConfig = field(default_factory=BankConfig)
    concentrations: ConcentrationConfig = field(default_factory=ConcentrationConfig)
    severity: SeverityConfig = field(default_factory=SeverityConfig)
    told: ToldConfig = field(default_factory=ToldConfig)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the quantities that are targets: macromolecules among them where there are brains."""
        return self.metabolites if self.concentrations.solution_fraction == 1 else (*self.metabolites, *BROAD)

    @property
    def perturbations(self) -> dict[str, Perturbation]:
        """The perturbations by the names of their sections, in the order in which they act."""
        return {section: getattr(self, section) for section in registered()}

    @classmethod
    def expanded(cls, values: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        """The settings of a table, with ``perturbations = "off"`` written out; see `fsl_mrs_dl.core.config`."""
        if "perturbations" not in values:
            return values
        own = {key: value for key, value in values.items() if key != "perturbations"}
        start = values["perturbations"]
        if start not in ("on", "off"):
            raise ConfigError(
                f"unknown choice{nearest(str(start), ('on', 'off'))}",
                where=f"{where}, perturbations",
                expected="'on' or 'off'",
                got=repr(start),
            )
        return own if start == "on" else _on_top(switched_off(), own)


def _on_top(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the settings of `own`, table by table."""
    result = {**base, **own}
    for key, value in base.items():
        if isinstance(value, Mapping) and isinstance(own.get(key), Mapping):
            result[key] = {**value, **own[key]}
    return result


if TYPE_CHECKING:

    class Recipe(_Common):
        """See `_Common`; a checker of types cannot know which files there are."""

        def __init__(self, **sections: Any) -> None: ...
        def __getattr__(self, section: str) -> Any: ...

else:
    Recipe = dataclasses.make_dataclass(
        "Recipe",
        [(section, kind, field(default_factory=kind)) for section, kind in registered().items()],
        bases=(_Common,),
        namespace={"__doc__": _Common.__doc__, "__module__": __name__},
        frozen=True,
    )
