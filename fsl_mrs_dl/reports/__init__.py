# SPDX-License-Identifier: Apache-2.0
"""What `fit` writes: tables, figures, pages and words."""
