# SPDX-License-Identifier: Apache-2.0
"""Basis sets and banks of them: simulated, read, written."""
