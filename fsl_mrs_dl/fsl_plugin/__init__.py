# SPDX-License-Identifier: Apache-2.0
"""``fsl_mrs --algo dl``: the back end of an unmodified FSL-MRS, and the hook that registers it."""
