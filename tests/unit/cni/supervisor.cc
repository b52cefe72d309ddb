// SPDX-License-Identifier: Apache-2.0
#include "supervisor.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weft::cni {
namespace {

constexpr int kSyscallStop = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD

// What the kernel, the disk, the daemon or another process could notice.
constexpr long kEffects[] = {SYS_sendto,   SYS_sendmsg, SYS_write,   SYS_writev,    SYS_pwrite64,
                             SYS_connect,  SYS_bind,    SYS_rename,  SYS_renameat2, SYS_unlink,
                             SYS_unlinkat, SYS_mkdir,   SYS_mkdirat, SYS_fsync,     SYS_flock,
                             SYS_ioctl,    SYS_setns,   SYS_fork,    SYS_vfork,     SYS_clone,
                             SYS_clone3,   SYS_kill,    SYS_wait4,   SYS_waitid,    SYS_exit_group};

bool changes_something(const __ptrace_syscall_info& call) {
  const auto number = static_cast<long>(call.entry.nr);
  if (number == SYS_openat) return (call.entry.args[2] & O_CREAT) != 0;
  return std::find(std::begin(kEffects), std::end(kEffects), number) != std::end(kEffects);
}

// Only what may be done between fork and exec.
[[noreturn]] void become(const char* program, int in, int out, char* const* argv,
                         char* const* env) {
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::execve(program, argv, env);
  ::_exit(127);
}

pid_t start(const Supervised& what) {
  std::vector<std::string> pairs;
  for (const auto& [name, value] : what.environment)
    pairs.push_back(name + "=" + value);
  std::vector<char*> env;
  for (std::string& pair : pairs)
    env.push_back(pair.data());
  env.push_back(nullptr);
  std::string name = what.program;
  char* argv[] = {name.data(), nullptr};
  const int in = ::open(what.input_file.c_str(), O_RDONLY | O_CLOEXEC);
  const int out = ::open(what.output_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const pid_t pid = ::fork();
  if (pid == 0) become(what.program.c_str(), in, out, argv, env.data());
  ::close(in);
  ::close(out);
  REQUIRE(pid > 0);
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return status;
}

SupervisedEnd ended(int status, bool killed) {
  return {.killed = killed, .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

}  // namespace

SupervisedEnd run_supervised(const Supervised& what, int kill_at) {
  const pid_t pid = start(what);
  int status = wait_for(pid);  // stopped at exec
  if (!WIFSTOPPED(status)) return ended(status, false);
  ::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  int effects = 0;
  long signal = 0;
  while (true) {
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, signal);
    status = wait_for(pid);
    if (!WIFSTOPPED(status)) return ended(status, false);
    signal = WSTOPSIG(status) == kSyscallStop ? 0 : WSTOPSIG(status);
    if (signal != 0) continue;
    __ptrace_syscall_info call{};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof call, &call);
    if (call.op != PTRACE_SYSCALL_INFO_ENTRY || !changes_something(call)) continue;
    if (++effects < kill_at) continue;
    ::kill(pid, SIGKILL);  // the call is not carried out
    status = wait_for(pid);
    return ended(status, true);
  }
}

}  // namespace weft::cni
