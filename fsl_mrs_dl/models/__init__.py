# SPDX-License-Identifier: Apache-2.0
"""A model: its card, its folder, its input, its answer."""
