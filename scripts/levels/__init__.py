# SPDX-License-Identifier: Apache-2.0
"""The levels of scripts/test: style, unit, golden, sim, fuzz, netns, and the builds they run on."""
