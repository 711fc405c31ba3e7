# SPDX-License-Identifier: Apache-2.0
"""Shared by all sub-packages: errors, configuration, constants, units, data objects, flags, files."""
