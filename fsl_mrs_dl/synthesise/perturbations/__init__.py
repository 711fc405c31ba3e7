# SPDX-License-Identifier: Apache-2.0
"""What scanner, tissue and processing do to a spectrum, one file each."""
