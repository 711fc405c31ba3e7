# SPDX-License-Identifier: Apache-2.0
"""A loaded network: onnxruntime in, amplitudes with calibrated intervals out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.errors import ModelError
from fsl_mrs_dl.metabolites.sums import COMBINATIONS, short_name
from fsl_mrs_dl.models import catalogue
from fsl_mrs_dl.models.estimate import Estimate, combine
from fsl_mrs_dl.models.folder import ModelFolder, open_model
from fsl_mrs_dl.models.inputs import NetworkInput
from fsl_mrs_dl.models.sessions import Sessions

DEFAULT_MODEL = "invivo"
"""For brains, which is what is measured; `fsl_mrs_dl.quantify.model_choice` tells when another one is taken."""


@dataclass(frozen=True)
class Prediction:
    """Raw amplitudes and predicted standard deviations, by output; arrays of shape ``(n_outputs,)``.

    `sum_sd` has those of the sums of `COMBINATIONS` with at least two parts, in this order, where the network predicts
    them.
    """

    mean: NDArray
    sd: NDArray
    sum_sd: NDArray | None = None

    def row(self, index: int) -> Prediction:
        """That of one of many spectra."""
        return Prediction(self.mean[index], self.sd[index], None if self.sum_sd is None else self.sum_sd[index])


class LoadedModel:
    """A model folder with its networks in memory."""

    def __init__(self, folder: ModelFolder) -> None:
        self.folder = folder
        self._sessions = Sessions(folder)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Quantities estimated."""
        return self.folder.outputs

    @property
    def modes(self) -> tuple[str, ...]:
        """What it was calibrated for: ``edit_off+diff``, ``diff``, ``edit_off``."""
        return tuple(self.folder.card.calibration)

    def predict(self, data: NetworkInput, protocol: NDArray | None = None) -> Prediction:
        """Raw amplitudes: the network's outputs times the input's scale; `protocol` as of `predict_batch`."""
        many = self.predict_batch(data.channels[None], data.present[None], np.array([data.scale]), protocol)
        return many.row(0)

    def predict_batch(
        self, channels: NDArray, present: NDArray, scale: NDArray, protocol: NDArray | None = None
    ) -> Prediction:
        """Many data sets at once.

        Parameters
        ----------
        channels : float32 array, shape ``(n, 4, n_points)``
        present : float32 array, shape ``(n, 2)``
        scale : array, shape ``(n,)``
            As of `NetworkInput`.
        protocol : float32 array, shape ``(n, n_inputs)``, optional
            What is known of the protocol, see `fsl_mrs_dl.models.protocol_code`; nothing otherwise.

        Returns
        -------
        Prediction
            Of arrays of shape ``(n, n_outputs)``.
        """
        mean, sd, sum_sd = self._sessions.answers(channels, present, protocol)
        each = scale[:, None]
        return Prediction(mean * each, sd * each, None if sum_sd is None else sum_sd * each)

    def estimates(self, prediction: Prediction, mode: str) -> tuple[Estimate, ...]:
        """Estimates with intervals for a mode (``edit_off+diff``, ``diff``, ``edit_off``).

        The half width of an interval is the predicted standard deviation times the factor in the card.

        Raises
        ------
        ModelError
            When the model was not calibrated for the mode, or its answer is not finite.
        """
        factors = self._factors(mode, "raw")
        if not (np.isfinite(prediction.mean).all() and np.isfinite(prediction.sd).all()):
            raise ModelError("the network's output is not finite", where=self.folder.path)
        result = []
        for name, mean, sd in zip(self.outputs, prediction.mean, prediction.sd, strict=True):
            value = max(0.0, float(mean))
            low68, high68, low95, high95 = (
                max(0.0, value + side * factors[name][level] * float(sd)) for level in ("68", "95") for side in (-1, 1)
            )
            result.append(Estimate(name, value, float(sd), (low68, high68), (low95, high95), mode))
        return tuple(result)

    @property
    def sum_names(self) -> tuple[str, ...]:
        """Sums of `COMBINATIONS` that have at least two parts among the outputs."""
        return tuple(name for name, parts in COMBINATIONS.items() if len(set(parts) & set(self.outputs)) > 1)

    def sums(self, estimates: Sequence[Estimate], mode: str, prediction: Prediction) -> tuple[Estimate, ...]:
        """The sums of `COMBINATIONS` that have at least two parts, all visible, with calibrated intervals.

        Their spreads are those of `prediction` where it has them, and otherwise of their parts in quadrature.
        """
        factors = self._factors(mode, "raw")
        predicted = {}
        if prediction.sum_sd is not None:
            predicted = dict(zip(self.sum_names, prediction.sum_sd.tolist(), strict=True))
        found = []
        for name, parts in COMBINATIONS.items():
            summands = [e for e in estimates if e.name in parts]
            total = combine(name, summands, factors.get(name), sd=predicted.get(name))
            if total is not None and name in factors:
                found.append(total)
        return tuple(found)

    def reference(
        self, estimates: Sequence[Estimate], parts: Sequence[str], sums: Sequence[Estimate]
    ) -> Estimate | None:
        """The sum of `parts` as ratios were calibrated to it, with its spread among `sums`; None without any."""
        spread = next((e.sd for e in sums if e.name == short_name(tuple(parts))), None)
        return combine("+".join(parts), [e for e in estimates if e.name in parts], sd=spread)

    def ratios(
        self, estimates: Sequence[Estimate], reference: Estimate, mode: str, kind: str = "ratio"
    ) -> tuple[Estimate, ...]:
        """`estimates` and sums relative to `reference`, with calibrated intervals; empty where none were calibrated.

        kind: ``ratio`` (to the mode's reference) or ``ratio_naa`` (to the second one).
        """
        factors = self._factors(mode, kind)
        return tuple(e.relative_to(reference, factors[e.name]) for e in estimates if e.name in factors)

    def with_calibrated_sd(self, estimates: Sequence[Estimate], mode: str, kind: str) -> tuple[Estimate, ...]:
        """`estimates` with the predicted spread turned into half the width of the 68 % interval.

        kind: ``raw``, or as of `ratios`.
        """
        factors = self._factors(mode, kind)
        return tuple(replace(e, sd=e.sd * factors[e.name]["68"]) for e in estimates)

    def _factors(self, mode: str, kind: str) -> dict[str, dict[str, float]]:
        calibration = self.folder.card.calibration
        if mode not in calibration:
            raise ModelError(
                f"the model '{self.folder.name}' was not trained for {mode}",
                where=self.folder.path,
                expected=f"one of {', '.join(calibration)}",
            )
        return calibration[mode].get(kind, {})


def find_model(name_or_folder: str | None) -> Path:
    """Folder of a model, see `fsl_mrs_dl.models.catalogue.find_model`; the default one's where None."""
    return catalogue.find_model(DEFAULT_MODEL if name_or_folder is None else name_or_folder)


def load_model(name_or_folder: str | None) -> LoadedModel:
    """Load the model that `find_model` finds.

    Raises
    ------
    ConfigError
        When there is no such model.
    ModelError
        When the folder is incomplete or altered.
    """
    return LoadedModel(open_model(find_model(name_or_folder)))
