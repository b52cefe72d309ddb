// SPDX-License-Identifier: Apache-2.0
// Runs a program and kills it, by SIGKILL, as it enters its n-th system call that changes something
// outside of it. Between two of those nothing changes, so all n together are all moments of a kill.
#pragma once

#include <map>
#include <string>

namespace weft::cni {

struct Supervised {
  std::string program;
  std::map<std::string, std::string> environment;
  std::string input_file;
  std::string output_file;  // stdout and stderr
};

struct SupervisedEnd {
  bool killed = false;  // false: it ended before its n-th such call
  int exit_code = -1;
};

// `kill_at` counts from 1. Children are not followed: they outlive the kill, as they would.
SupervisedEnd run_supervised(const Supervised& what, int kill_at);

}  // namespace weft::cni
