# SPDX-License-Identifier: Apache-2.0
"""Classical programs that answer for the same spectra."""
