# SPDX-License-Identifier: Apache-2.0
"""Runs a program of an image with the DaemonSet's rights: its root, user 0, three capabilities, and
none to be gained. usage: contained.py ROOTFS PROGRAM [ARGUMENTS]"""
import ctypes
import os
import sys

PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
KEPT = {12: "net_admin", 13: "net_raw", 21: "sys_admin"}
LAST = 40  # of those that Linux 5.9 and newer know

os.chroot(sys.argv[1])
os.chdir("/")
libc = ctypes.CDLL(None, use_errno=True)
for capability in range(LAST + 1):
    if capability not in KEPT and libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
os.execv(sys.argv[2], sys.argv[2:])
