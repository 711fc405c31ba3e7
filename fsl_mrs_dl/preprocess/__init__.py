# SPDX-License-Identifier: Apache-2.0
"""From raw transients to aligned, phased and referenced spectra."""
