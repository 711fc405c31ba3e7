# SPDX-License-Identifier: Apache-2.0
"""Spins, pulses, sequences and their simulation: no input or output."""
