# SPDX-License-Identifier: Apache-2.0
"""Hosts and pods as network namespaces on one machine: what scripts/lab, scripts/bench and the
namespace tests are made of. Needs root; the standard library only."""
