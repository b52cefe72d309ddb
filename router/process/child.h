// SPDX-License-Identifier: Apache-2.0
// Runs other programs: to the end with a deadline and bounded output, detached as a daemon, or as a
// child that lives as long as we do.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "base/time_point.h"

namespace weft::process {

struct ChildSpec {
  std::string program;                 // path
  std::vector<std::string> arguments;  // without argv[0]
  // "NAME=value"; none: ours.
  std::optional<std::vector<std::string>> environment;
  std::string input;  // for its stdin
  Duration timeout = std::chrono::seconds(30);
  std::size_t output_max = 1024 * 1024;  // of stdout, and of stderr
  bool capture_stderr = true;            // false: shares ours
};

struct ChildEnd {
  int exit_code = -1;  // 128 + signal if a signal ended it
  std::string out;
  std::string err;
};

// Waits for the end. On ETIMEDOUT and too_large the child's whole process group was killed.
Result<ChildEnd> run_child(const ChildSpec& spec);

// Starts a program that outlives us, in a session of its own; stdout and stderr are appended to
// `log_file`, stdin is /dev/null. An error if the program could not be started at all.
Result<pid_t> start_detached(const std::string& program, const std::vector<std::string>& arguments,
                             const std::string& log_file);

// Starts a program that shares our stdout and stderr, in a process group of its own; it is sent
// SIGTERM if we end before it. `environment` as in ChildSpec. The caller waits for its end.
Result<pid_t> start_child(const std::string& program, const std::vector<std::string>& arguments,
                          const std::optional<std::vector<std::string>>& environment);

// As shells count: the exit code, or 128 + the signal that ended it.
int exit_code_of(int wait_status);

// The first of `folders` that holds an executable file `name`, which must not contain '/'.
std::optional<std::string> find_program(const std::vector<std::string>& folders,
                                        std::string_view name);
// The folders of $PATH; the usual ones if it is unset.
std::vector<std::string> path_folders();
// This program's own folder.
std::string own_folder();

}  // namespace weft::process
