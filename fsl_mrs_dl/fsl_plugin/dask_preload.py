# SPDX-License-Identifier: Apache-2.0
"""Loaded by dask's workers where ``fsl_mrs_dl fsl fsl_mrsi`` runs: they register the back end as their parent did."""

from fsl_mrs_dl.fsl_plugin.start import register

register()
