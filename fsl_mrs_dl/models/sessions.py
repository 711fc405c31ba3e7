# SPDX-License-Identifier: Apache-2.0
"""Run the networks of a model folder with onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.errors import ModelError
from fsl_mrs_dl.core.inference import load_onnxruntime
from fsl_mrs_dl.models.folder import ModelFolder
from fsl_mrs_dl.models.inputs import CHANNELS


class Sessions:
    """The network of a model, or those of an ensemble, in memory; one thread.

    An ensemble answers with the mean, and with the spread of the equal mixture of its members' normal distributions
    (Lakshminarayanan et al. 2017, arXiv 1612.01474), which grows where they disagree.

    Parameters
    ----------
    folder : ModelFolder

    Raises
    ------
    ModelError
        When a network cannot be loaded.
    """

    def __init__(self, folder: ModelFolder) -> None:
        onnxruntime = load_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._sessions: list[Any] = []
        for network in folder.networks:
            try:
                # from memory: a network that names further files, wherever they lie, is not followed there
                session = onnxruntime.InferenceSession(
                    network.read_bytes(), options, providers=["CPUExecutionProvider"]
                )
            except Exception as error:  # onnxruntime has no common base for its errors
                raise ModelError("the network cannot be loaded", where=network, got=error) from error
            _check_shapes(session, folder, network)
            self._sessions.append(session)

    def answer(self, channels: NDArray, present: NDArray, protocol: NDArray | None = None) -> tuple[NDArray, NDArray]:
        """Means and standard deviations of the outputs, shape ``(n, n_outputs)``, in the units of `channels`."""
        mean, sd, _ = self.answers(channels, present, protocol)
        return mean, sd

    def answers(
        self, channels: NDArray, present: NDArray, protocol: NDArray | None = None
    ) -> tuple[NDArray, NDArray, NDArray | None]:
        """As `answer`, and the standard deviations of the sums where the network predicts them (one network alone).

        Parameters
        ----------
        channels : float32 array, shape ``(n, 4, n_points)``
        present : float32 array, shape ``(n, 2)``
        protocol : float32 array, shape ``(n, n_inputs)``, optional
            What is known of the protocol, see `fsl_mrs_dl.models.protocol_code`; nothing otherwise. Networks that do
            not take it are not told.
        """
        answers = []
        for session in self._sessions:
            given = {"channels": channels, "present": present}
            n_inputs = _protocol_inputs(session)
            if n_inputs:
                unknown = np.zeros((len(channels), n_inputs), dtype=np.float32)
                given["protocol"] = unknown if protocol is None else protocol
            answers.append(session.run(None, given))
        means, sds = np.array([answer[:2] for answer in answers], dtype=float).swapaxes(0, 1)
        alone = len(answers) == 1 and len(answers[0]) > 2
        sums = np.asarray(answers[0][2], dtype=float) if alone else None
        return means.mean(axis=0), np.sqrt((sds**2).mean(axis=0) + means.var(axis=0)), sums


def _protocol_inputs(session: Any) -> int:
    """Numbers that describe the protocol which a network takes; 0 for one that takes none."""
    return next((int(node.shape[1]) for node in session.get_inputs() if node.name == "protocol"), 0)


def _check_shapes(session: Any, folder: ModelFolder, network: Path) -> None:
    """The card's grid and outputs must be those of the network."""
    shapes = {node.name: list(node.shape) for node in session.get_inputs()}
    wanted = {"channels": [len(CHANNELS), folder.grid.n_points], "present": [2]}
    found = {name: shapes.get(name, [None])[1:] for name in wanted}
    answers = [list(node.shape)[1:] for node in session.get_outputs()[:2]]
    if found != wanted or answers != [[len(folder.outputs)]] * 2:
        raise ModelError(
            "the model card does not describe this network",
            where=network,
            expected=f"{wanted['channels']} in and {len(folder.outputs)} out",
            got=f"{found['channels']} and {answers}",
            hint="Install the model again",
        )
