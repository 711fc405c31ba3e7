# SPDX-License-Identifier: Apache-2.0
"""``python -m fsl_mrs_dl``: the same as the console script."""

import sys

from fsl_mrs_dl.cli.main import main

sys.exit(main())
