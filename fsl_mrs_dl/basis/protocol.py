# SPDX-License-Identifier: Apache-2.0
"""What a basis set is simulated for: the conditions, how they are sampled, and what they were made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fsl_mrs_dl.basis.files import ConditionBasis, describe
from fsl_mrs_dl.basis.fsl_sequence import FslSequence
from fsl_mrs_dl.basis.macromolecules import GABA_RANGE_PPM, macromolecule_fids
from fsl_mrs_dl.basis.simulate import Signals
from fsl_mrs_dl.core.arguments import check_number
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.core.units import ppm_to_hz
from fsl_mrs_dl.metabolites.macromolecules import MM30_DIFF_AREA
from fsl_mrs_dl.physics.sequences import Block, Experiment, MegaPress
from fsl_mrs_dl.physics.simulate import LineList, add, simulate
from fsl_mrs_dl.physics.spins import SpinGroup, SpinSystem

UNEDITED = "spectrum"
"""Name of the condition of a sequence that has only one."""

_NO_SIGNAL = 1e-4
"""Largest signal, relative to a proton's, below which a sequence is taken for a mistake."""

_SAMPLING_LIMITS = {"n_points": (16, 1 << 20), "dwell_s": (1e-6, 0.1), "lw_hz": (0.0, 100.0)}

_DEFAULT_SAMPLING = {"n_points": 4096, "dwell_s": 5e-4, "lw_hz": 2.0}


@dataclass(frozen=True)
class Protocol:
    """Conditions and sampling of a basis set.

    Parameters
    ----------
    experiments : mapping of str to Experiment
        ``edit_off`` and ``edit_on``, or `UNEDITED` alone.
    description : mapping
        What they were made from, as JSON.
    n_points : int
    dwell_s, lw_hz : float
        Sampling interval in s, Lorentzian width in Hz.
    mega : MegaPress, optional
        The protocol, where it is one of ours.
    sources : mapping of str to mapping
        FSL-MRS's sequence files by condition, where it is one of theirs.
    """

    experiments: Mapping[str, Experiment]
    description: Mapping[str, Any]
    n_points: int
    dwell_s: float
    lw_hz: float
    mega: MegaPress | None = None
    sources: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_mega_press(cls, sequence: MegaPress, **sampling: Any) -> Protocol:
        """Of one of our protocols; `sampling` holds ``n_points``, ``dwell_s``, ``lw_hz`` or None for the defaults."""
        off, on = sequence.experiments()
        return cls(
            {"edit_off": off, "edit_on": on},
            dataclasses.asdict(sequence),
            **_sampling(sampling, _DEFAULT_SAMPLING),
            mega=sequence,
        )

    @classmethod
    def of_fsl(
        cls,
        sequence: FslSequence,
        off: FslSequence | None = None,
        *,
        autophase_ppm: float | None = None,
        **sampling: Any,
    ) -> Protocol:
        """Of FSL-MRS's sequence files: one, or the edit_on condition with `off` as the other.

        Parameters
        ----------
        sequence, off : FslSequence
        autophase_ppm : float, optional
            Turn all signals so that a singlet there has phase 0 in the first condition.
        **sampling
            ``n_points``, ``dwell_s``, ``lw_hz``; None takes the file's.

        Raises
        ------
        ConfigError
            When the two files differ in field or sampling.
        """
        files = {UNEDITED: sequence} if off is None else {"edit_off": off, "edit_on": sequence}
        own = [
            {"n_points": f.n_points, "dwell_s": f.dwell_s, "lw_hz": f.lw_hz, "f0_mhz": f.experiment.f0_mhz}
            for f in files.values()
        ]
        for key in own[0]:
            if own[0][key] != own[-1][key]:
                raise ConfigError(f"the two sequence files differ in {key}", expected=own[0][key], got=own[-1][key])
        experiments = {name: file.experiment for name, file in files.items()}
        turn_deg = 0.0
        if autophase_ppm is not None:
            turn_deg = -_phase_deg(next(iter(experiments.values())), autophase_ppm)
        experiments = {
            name: dataclasses.replace(e, receiver_phase_deg=e.receiver_phase_deg + turn_deg)
            for name, e in experiments.items()
        }
        sources = {name: file.source for name, file in files.items()}
        return cls(
            experiments,
            {"fsl_mrs_sequences": sources, "autophase_ppm": autophase_ppm},
            **_sampling(sampling, own[0]),
            sources=sources,
        )

    @property
    def f0_mhz(self) -> float:
        """Proton frequency, MHz."""
        return next(iter(self.experiments.values())).f0_mhz

    @property
    def te_s(self) -> float:
        """Echo time, s: from the effective centre of the first pulse to the first point, but for mixing times."""
        if self.mega is not None:
            return self.mega.te_s
        blocks = next(iter(self.experiments.values())).blocks
        left_s = [block.pulse.duration_s / 2 for block in blocks]
        left_s[0] = _left_after_centre_s(blocks[0])
        before_s = [block.pulse.duration_s / 2 for block in blocks[1:]] + [0.0]
        return sum(
            after + block.delay_s + before
            for block, after, before in zip(blocks, left_s, before_s, strict=True)
            if block.keep_order != 0
        )

    @property
    def is_stimulated_echo(self) -> bool:
        """Whether the magnetisation waits along z in between (STEAM)."""
        return any(block.keep_order == 0 for block in next(iter(self.experiments.values())).blocks)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Those of the basis: a pair has its difference besides."""
        return (*self.experiments, "diff") if len(self.experiments) == 2 else tuple(self.experiments)

    def name(self, condition: str) -> str:
        """What to call the sequence of a condition."""
        given = self.mega.name if self.mega is not None else ""
        if self.sources:
            given = str(next(iter(self.sources.values())).get("sequenceName", ""))
        return f"{given} {condition}" if len(self.experiments) == 2 else given

    def bases(
        self, signals: Signals, *, macromolecules: Literal["separate", "tied"] | None = None
    ) -> dict[str, ConditionBasis]:
        """The basis of each condition.

        Parameters
        ----------
        signals : mapping
            Of `simulate_basis_set`.
        macromolecules : {"separate", "tied"}, optional
            Add `fsl_mrs_dl.basis.macromolecules`'s, the co-edited line at 3.0 ppm as MM30 or as part of MM09.
        """
        lines = dict(signals)
        if len(lines) == 2:
            lines["diff"] = {
                name: add([on, lines["edit_off"][name].scaled(-1.0)]) for name, on in lines["edit_on"].items()
            }
        broad: dict[str, dict[str, Any]] = {condition: {} for condition in lines}
        if macromolecules:
            if self.mega is None and len(self.experiments) == 2:
                raise ConfigError(
                    "macromolecules of an edited pair need its editing pulses",
                    expected="a protocol of MegaPress",
                    got="two sequence files of FSL-MRS",
                    hint="Leave out macromolecules= and add them with FSL-MRS's basis_tools add_set --add_MM_MEGA",
                )
            broad = macromolecule_fids(
                tuple(lines),
                self.mega,
                self.n_points,
                self.dwell_s,
                self.f0_mhz,
                tied=macromolecules == "tied",
                gaba_area=self._gaba_area(lines.get("diff", {})),
            )
        bases = {}
        for condition, by_name in lines.items():
            fids = [line.fid(self.n_points, self.dwell_s, lorentz_hz=self.lw_hz) for line in by_name.values()]
            fids += list(broad[condition].values())
            names = (*by_name, *broad[condition])
            if condition != "diff" and not np.abs(fids).max() > _NO_SIGNAL:
                raise ConfigError(
                    "the sequence leaves no signal of any metabolite",
                    where=self.name(condition),
                    hint="Are its units right (RFUnits, GradUnits, delays in s), and its coherence filter?",
                )
            bases[condition] = ConditionBasis(names, np.array(fids), self.dwell_s, self.f0_mhz, self.lw_hz)
        return bases

    def _gaba_area(self, diff: Mapping[str, LineList]) -> float:
        """Area of GABA's lines from 2.8 to 3.2 ppm; that of our sequences where there are none."""
        if "GABA" not in diff:
            return MM30_DIFF_AREA
        low_hz, high_hz = (float(ppm_to_hz(ppm, self.f0_mhz)) for ppm in GABA_RANGE_PPM)
        shift_hz = diff["GABA"].shift_hz
        area = float(diff["GABA"].amplitude.real[(shift_hz > low_hz) & (shift_hz < high_hz)].sum())
        return area if area > 0 else MM30_DIFF_AREA

    def sequence_block(self, condition: str, basis: ConditionBasis) -> dict[str, Any]:
        """The ``seq`` block of a condition's basis files."""
        if condition not in self.sources:
            return describe(self.experiments.get(condition), self.name(condition), basis)
        phase = np.deg2rad(self.experiments[condition].receiver_phase_deg)
        sampling = {"Rx_Points": self.n_points, "Rx_SW": 1 / self.dwell_s, "Rx_LW": self.lw_hz, "Rx_Phase": phase}
        return {**self.sources[condition], **sampling}


def _sampling(given: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    for name, (low, high) in _SAMPLING_LIMITS.items():
        value = given.get(name)
        if value is not None:
            check_number(value, name, low, high, whole=name == "n_points")
    return {key: default[key] if given.get(key) is None else given[key] for key in _DEFAULT_SAMPLING}


def _left_after_centre_s(block: Block) -> float:
    """Time from the effective centre of an excitation pulse to its end, by the gradient area that rephases it."""
    for gradient, moment in zip(block.gradient_hz_per_m, block.moment_per_m, strict=True):
        if gradient and moment and 0 < -moment / gradient < block.pulse.duration_s:
            return -moment / gradient
    return block.pulse.duration_s / 2


def _phase_deg(experiment: Experiment, ppm: float) -> float:
    """Phase of a singlet's signal."""
    singlet = SpinSystem("singlet", (SpinGroup((ppm,)),))
    total = simulate(singlet, [experiment])[0].amplitude.sum()
    if abs(total) < 1e-3:
        raise ConfigError(
            "nothing is left of a singlet there, so it has no phase", where="autophase_ppm=", got=f"{ppm} ppm"
        )
    return float(np.rad2deg(np.angle(total)))
