# SPDX-License-Identifier: Apache-2.0
"""The only module that imports onnxruntime, whose telemetry is switched off before.

Builds of onnxruntime from 1.2x on collect telemetry, on Linux too: the import alone writes an identifier of the machine
and a database of events below ``~/.cache/Microsoft``, to be sent later. `disable_telemetry_events` comes too late for
those files, the environment variable does not.
"""

from __future__ import annotations

import os
from typing import Any

TELEMETRY_OFF = {"ORT_DISABLE_TELEMETRY": "1"}
"""What must stand in the environment of every process before onnxruntime is imported in it."""


def load_onnxruntime() -> Any:
    """Import onnxruntime, which then sends nothing and leaves nothing behind; children of the process inherit that.

    Returns
    -------
    module
    """
    os.environ.update(TELEMETRY_OFF)
    import onnxruntime

    return onnxruntime
