# SPDX-License-Identifier: Apache-2.0
"""Pulse sequences as plain descriptions."""

from fsl_mrs_dl.sequences.mega_press import MegaPress

__all__ = ["MegaPress"]
