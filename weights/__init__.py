# SPDX-License-Identifier: Apache-2.0
"""The shipped models, installed as data of the package."""
