# SPDX-License-Identifier: Apache-2.0
"""Texts about a run: methods, MRSinMRS checklist, verdict."""
