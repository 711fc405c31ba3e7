# SPDX-License-Identifier: Apache-2.0
"""The protocol of a data set as an input of the network, and where it comes from.

From the first that says enough: the basis that the user gives, the header or sidecar, the user's own words. Otherwise
nothing is told, and the intervals are those of an unknown protocol.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.files import LineBasis, read_fsl_basis
from fsl_mrs_dl.basis.nominal import BODY_C, features_of, nominal
from fsl_mrs_dl.core.arguments import check_choice, check_mapping, check_number
from fsl_mrs_dl.core.constants import NAA_PPM
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import ConfigError, DataError, nearest
from fsl_mrs_dl.core.units import ppm_to_hz, time_axis
from fsl_mrs_dl.io.localisation import is_semi_laser
from fsl_mrs_dl.models.folder import ModelFolder
from fsl_mrs_dl.models.inputs import NetworkInput
from fsl_mrs_dl.models.novelty import strangeness
from fsl_mrs_dl.models.protocol_code import DESCRIBED, LIMIT, WIDTH_HZ, ProtocolCode, basis_features
from fsl_mrs_dl.models.protocol_probe import contradiction
from fsl_mrs_dl.physics.sequences import mega_press
from fsl_mrs_dl.physics.simulate import simulate_metabolite
from fsl_mrs_dl.physics.spins import load_system
from fsl_mrs_dl.physics.vendors import VENDORS
from fsl_mrs_dl.quantify.result import RangeCheck

OPTIONS = ("te_s", "vendor", "edit_on_ppm", "edit_off_ppm", "edit_duration_s")
"""What a user or a header can say of a protocol: arguments of `fsl_mrs_dl.physics.sequences.mega_press`."""

PROTOCOL_RANGES: Mapping[str, tuple[float, float, str]] = {
    "te_s": (0.01, 0.3, "s"),
    "edit_on_ppm": (-10.0, 20.0, "ppm"),
    "edit_off_ppm": (-10.0, 20.0, "ppm"),
    "edit_duration_s": (0.002, 0.06, "s"),
}
"""Low, high and unit of what can be said: wider than any MEGA-PRESS, and narrow enough to notice milliseconds."""

CONTRADICTION = "contradiction_of_protocol"
"""Name of the check of what was told against the spectrum."""


@dataclass(frozen=True)
class Told:
    """What a network is told.

    Parameters
    ----------
    inputs : float32 array, shape ``(1, n_inputs)``, or None
        None for a network that takes none.
    source : str
        ``basis``, ``header``, ``options``, ``unknown``; ``not asked`` for a network that takes none.
    fields : mapping
        What was known of the protocol.
    distance : float, optional
        Of its description from the middle of the bank, in units in which the bank's spread is 1.
    contradiction : tuple of two float, optional
        How far it is from what the spectrum looks like, and up to where that is not unusual, see
        `fsl_mrs_dl.models.protocol_probe`.
    """

    inputs: NDArray | None = None
    source: str = "not asked"
    fields: Mapping[str, Any] = field(default_factory=dict)
    distance: float | None = None
    contradiction: tuple[float, float] | None = None

    def rows(self, n: int) -> NDArray | None:
        """`inputs` for `n` spectra of the same protocol."""
        return None if self.inputs is None else np.repeat(self.inputs, n, axis=0)

    def checks(self) -> tuple[RangeCheck, ...]:
        """How far a protocol that was described lies from those that were trained on."""
        checks = [] if self.distance is None else [RangeCheck("distance_of_protocol", self.distance, 0.0, LIMIT)]
        if self.contradiction is not None:
            checks.append(RangeCheck(CONTRADICTION, self.contradiction[0], 0.0, self.contradiction[1]))
        return tuple(checks)

    def beside(self, data: NetworkInput, folder: ModelFolder) -> Told:
        """The same, with how far the spectrum contradicts it."""
        if self.inputs is None:
            return self
        card, (channels, present) = folder.card, (data.channels, data.present)
        strange = float(strangeness(card.inputs, channels[None], present[None])[0])
        found = contradiction(card.protocol.get("read", {}), channels, present, self.inputs[0], strange)
        return replace(self, contradiction=found)

    def to_dict(self) -> dict[str, Any]:
        """For ``quantities.json``."""
        told = self.inputs is not None and self.source != "unknown"
        return {"told": told, "from": self.source, **self.fields, "distance": self.distance, "limit": LIMIT}


def check_protocol(options: Mapping[str, Any] | None) -> None:
    """Make sure that what a user says of a protocol can be one, before anything is computed.

    Parameters
    ----------
    options : mapping, optional
        As `told_protocol` takes it; None stands for what is not said.

    Raises
    ------
    ConfigError
        For an unknown name or vendor, and for a number that no protocol has.
    """
    if options is None:
        return
    check_mapping(options, "protocol", '{"te_s": 0.068, "edit_duration_s": 0.014}')
    for name, value in options.items():
        if value is not None and name != "basis":
            _check_one(name, value)


def _check_one(name: str, value: Any) -> None:
    """`check_protocol` for one of `OPTIONS`."""
    if name not in OPTIONS:
        what = f"unknown part of a protocol '{name}'{nearest(name, OPTIONS)}"
        raise ConfigError(what, where="protocol=", expected=", ".join(OPTIONS))
    if name == "vendor":
        check_choice(value, name, VENDORS)
        return
    low, high, unit = PROTOCOL_RANGES[name]
    check_number(value, name, low, high, unit=unit)


def told_protocol(
    spectra: EditedSpectra, folder: ModelFolder, *, basis: Path | None = None, options: Mapping[str, Any] | None = None
) -> Told:
    """What the network of a model is told of the protocol of a data set.

    A protocol whose description lies further than `LIMIT` from the bank is not told: the network never saw its like.

    Parameters
    ----------
    spectra : EditedSpectra
    folder : ModelFolder
    basis : Path, optional
        FSL-MRS folders ``edit_off`` and ``diff`` (or ``edit_on``) in one folder.
    options : mapping, optional
        Some of `OPTIONS`, where the header does not say them; and ``basis``, a folder like `basis`, which describes the
        protocol and does no more.
    """
    if not folder.card.protocol:
        return Told()
    code = ProtocolCode.from_card(folder.card.protocol)
    said = {name: value for name, value in (options or {}).items() if value is not None}
    described = said.pop("basis", None)
    features, source, fields = _known(spectra, basis or described, said)
    if features is None:
        return Told(code.unknown(1), "unknown", fields)
    distance = code.distance(features)
    if distance > LIMIT:
        return Told(code.unknown(1), "unknown", fields, distance)
    return Told(code.known(features[None]), source, fields, distance)


def _known(
    spectra: EditedSpectra, basis: Path | None, options: dict[str, Any]
) -> tuple[NDArray | None, str, dict[str, Any]]:
    """Features of the protocol where enough is known of it, where from, and what is known."""
    if basis is not None:
        features = _of_folder(Path(basis), _state(Path(basis)))
        if features is not None:
            return features, "basis", {"basis": str(basis)}
    header = _of_header(spectra)
    fields = {**options, **header}
    enough = "edit_duration_s" in fields or "vendor" in options
    if not enough:
        return None, "unknown", fields
    source = "header" if "edit_duration_s" in header else "options"
    try:
        features = _simulated(round(spectra.f0_mhz, 1), tuple(sorted(fields.items())))
    except ConfigError:
        # a header may say what cannot be: pulses that do not fit into the echo time
        return None, "unknown", fields
    return features, source, fields


def _of_header(spectra: EditedSpectra) -> dict[str, Any]:
    """Those of `OPTIONS` that the header or sidecar says, and whether it was a semi-LASER.

    Not the vendor: each has had several MEGA-PRESS sequences, whose timings the manufacturer's name does not tell.
    """
    on, off = (spectra.edit_pulse.get(name, {}) for name in ("ON", "OFF"))
    said = {
        "te_s": spectra.te_s,
        "edit_on_ppm": on.get("shift_ppm"),
        "edit_off_ppm": off.get("shift_ppm"),
        "edit_duration_s": on.get("duration_s"),
    }
    known = {name: value for name, value in said.items() if value is not None}
    return {**known, "semi_laser": True} if is_semi_laser(spectra.header) else known


@functools.lru_cache(maxsize=32)
def _simulated(f0_mhz: float, fields: tuple[tuple[str, Any], ...]) -> NDArray:
    """Features of a simulated protocol; the data sets of a study share it."""
    values = dict(fields)
    sequence = nominal(mega_press(values.pop("te_s", 0.068), f0_mhz=f0_mhz, **values))
    systems = [load_system(name).at_temperature(BODY_C) for name in DESCRIBED]
    return features_of(LineBasis({s.name: simulate_metabolite(s, sequence) for s in systems}, sequence))


def _state(basis: Path) -> tuple[int, ...]:
    """Changes when a file is put into the folder's conditions, or taken away."""
    parts = (basis / name for name in ("edit_off", "edit_on", "diff"))
    return tuple(part.stat().st_mtime_ns for part in parts if part.is_dir())


@functools.lru_cache(maxsize=4)
def _of_folder(basis: Path, _changed: tuple[int, ...]) -> NDArray | None:
    """`features_of_folder`, once for all voxels of an image and all scans of a study."""
    return features_of_folder(basis)


def features_of_folder(basis: Path) -> NDArray | None:
    """Features of a basis in FSL-MRS's format; None where it does not hold both conditions of `DESCRIBED`."""
    try:
        off = read_fsl_basis(basis / "edit_off", DESCRIBED)
        other = next((name for name in ("diff", "edit_on") if (basis / name).is_dir()), "diff")
        second = read_fsl_basis(basis / other, DESCRIBED)
    except DataError:
        return None
    if not (set(DESCRIBED) <= set(off.names) and set(DESCRIBED) <= set(second.names)):
        return None
    if (off.fids.shape[1], off.dwell_s) != (second.fids.shape[1], second.dwell_s):
        return None
    decay = np.exp(-np.pi * max(0.0, WIDTH_HZ - off.lw_hz) * time_axis(off.fids.shape[1], off.dwell_s))
    # bases of some programs stand at another phase: ours have NAA's methyl line at 0
    methyl = np.exp(-2j * np.pi * ppm_to_hz(NAA_PPM, off.f0_mhz) * time_axis(off.fids.shape[1], off.dwell_s))
    area = (off.fids[off.names.index("NAA")] * methyl * decay).sum()
    signals = {}
    for name in DESCRIBED:
        first, paired = (b.fids[b.names.index(name)] * decay * np.exp(-1j * np.angle(area)) for b in (off, second))
        signals[name] = (first, paired - first if other == "edit_on" else paired)
    return basis_features(signals, off.dwell_s, off.f0_mhz)
