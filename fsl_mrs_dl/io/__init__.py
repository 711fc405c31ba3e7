# SPDX-License-Identifier: Apache-2.0
"""Files of scans, pulses and spin systems, and LCModel's results: what other programs write and read."""
