// SPDX-License-Identifier: Apache-2.0
#include "router/process/child.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

namespace weft::process {

namespace {

using Clock = std::chrono::steady_clock;

Error system_error(std::string_view what, int number = errno) {
  return Error{.code = Errc::system, .sys_errno = number, .what = what};
}

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { close(); }
  int value() const { return fd_; }
  void take(int fd) {
    close();
    fd_ = fd;
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

struct Pipe {
  Fd read;
  Fd write;
  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read.take(ends[0]);
    write.take(ends[1]);
    return true;
  }
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts)
    out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Between fork and exec only async-signal-safe calls are allowed; all memory was made before.
struct ExecPlan {
  const char* program = nullptr;
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  int in = -1, out = -1, err = -1;  // -1: keep ours
  int failure = -1;                 // gets errno if exec fails
  bool new_session = false;
  bool ends_with_us = false;
};

[[noreturn]] void exec_child(const ExecPlan& plan) {
  if (plan.new_session) {
    ::setsid();
  } else {
    ::setpgid(0, 0);
  }
  if (plan.in >= 0) ::dup2(plan.in, STDIN_FILENO);
  if (plan.out >= 0) ::dup2(plan.out, STDOUT_FILENO);
  if (plan.err >= 0) ::dup2(plan.err, STDERR_FILENO);
  if (plan.ends_with_us) ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(plan.program, plan.argv, plan.envp);
  const int number = errno;
  [[maybe_unused]] auto written = ::write(plan.failure, &number, sizeof number);
  ::_exit(127);
}

// Forks and waits until the child runs its program; errno of exec if it does not.
Result<pid_t> spawn(ExecPlan plan) {
  Pipe failure;
  if (!failure.open()) return system_error("pipe");
  plan.failure = failure.write.value();
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("fork");
  if (pid == 0) exec_child(plan);
  failure.write.close();
  int number = 0;
  ssize_t got = -1;
  do {
    got = ::read(failure.read.value(), &number, sizeof number);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return pid;
  ::waitpid(pid, nullptr, 0);
  return system_error("cannot run the program", number);
}

// Moves bytes between us and one child until it closed its outputs.
class Conversation {
 public:
  Conversation(const ChildSpec& spec, Pipe& in, Pipe& out, Pipe& err)
      : spec_(spec), deadline_(Clock::now() + spec.timeout), in_(in), out_(out), err_(err) {
    for (int fd : {in.write.value(), out.read.value(), err.read.value()}) {
      if (fd >= 0) ::fcntl(fd, F_SETFL, O_NONBLOCK);
    }
  }

  Result<> run(ChildEnd& end) {
    if (spec_.input.empty()) in_.write.close();
    while (out_.read.value() >= 0 || err_.read.value() >= 0) {
      const int wait = wait_ms();
      if (wait == 0) return system_error("the program took too long", ETIMEDOUT);
      // poll() passes over negative descriptors.
      std::array<pollfd, 3> fds{pollfd{in_.write.value(), POLLOUT, 0},
                                pollfd{out_.read.value(), POLLIN, 0},
                                pollfd{err_.read.value(), POLLIN, 0}};
      if (::poll(fds.data(), fds.size(), wait) < 0 && errno != EINTR) return system_error("poll");
      if (fds[0].revents != 0) write_some();
      if (fds[1].revents != 0) read_some(out_.read, end.out);
      if (fds[2].revents != 0) read_some(err_.read, end.err);
      if (std::max(end.out.size(), end.err.size()) > spec_.output_max) {
        return Error{.code = Errc::too_large, .what = "the program printed too much"};
      }
    }
    return {};
  }

  // The program closed its outputs; its end should follow at once.
  Result<> wait_for_end(pid_t pid, int& status) {
    constexpr timespec kPause{0, 1'000'000};
    while (::waitpid(pid, &status, WNOHANG) == 0) {
      if (wait_ms() == 0) return system_error("the program took too long", ETIMEDOUT);
      ::nanosleep(&kPause, nullptr);
    }
    return {};
  }

 private:
  int wait_ms() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
    return left.count() <= 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left.count(), INT_MAX));
  }

  void write_some() {
    const std::string_view rest = std::string_view(spec_.input).substr(written_);
    const ssize_t n = ::write(in_.write.value(), rest.data(), rest.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    // It may not want its input, which is its right.
    if (n > 0) written_ += static_cast<std::size_t>(n);
    if (n < 0 || written_ == spec_.input.size()) in_.write.close();
  }

  static void read_some(Fd& from, std::string& into) {
    std::array<char, 16384> buffer{};
    const ssize_t n = ::read(from.value(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      from.close();
    } else {
      into.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }

  const ChildSpec& spec_;
  Clock::time_point deadline_;
  Pipe& in_;
  Pipe& out_;
  Pipe& err_;
  std::size_t written_ = 0;
};

std::vector<std::string> own_environment() {
  std::vector<std::string> out;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at)
    out.emplace_back(*at);
  return out;
}

}  // namespace

Result<ChildEnd> run_child(const ChildSpec& spec) {
  Pipe in;
  Pipe out;
  Pipe err;
  if (!in.open() || !out.open() || (spec.capture_stderr && !err.open())) {
    return system_error("pipe");
  }
  std::vector<std::string> argv{spec.program};
  argv.insert(argv.end(), spec.arguments.begin(), spec.arguments.end());
  std::vector<std::string> environment = spec.environment ? *spec.environment : own_environment();
  const auto argv_pointers = pointers(argv);
  const auto environment_pointers = pointers(environment);
  // A child that does not read its input must not end us.
  auto* const old_handler = ::signal(SIGPIPE, SIG_IGN);
  auto pid = spawn({.program = spec.program.c_str(),
                    .argv = argv_pointers.data(),
                    .envp = environment_pointers.data(),
                    .in = in.read.value(),
                    .out = out.write.value(),
                    .err = err.write.value()});
  if (!pid) return pid.error();
  in.read.close();
  out.write.close();
  err.write.close();
  ChildEnd end;
  int status = 0;
  Conversation conversation(spec, in, out, err);
  auto ok = conversation.run(end);
  if (ok) ok = conversation.wait_for_end(*pid, status);
  ::signal(SIGPIPE, old_handler);
  if (!ok) {
    ::kill(-*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    return ok.error();
  }
  end.exit_code = exit_code_of(status);
  return end;
}

int exit_code_of(int wait_status) {
  constexpr int kSignalBase = 128;
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : kSignalBase + WTERMSIG(wait_status);
}

Result<pid_t> start_detached(const std::string& program, const std::vector<std::string>& arguments,
                             const std::string& log_file) {
  constexpr mode_t kLogMode = 0640;
  Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  Fd log(::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kLogMode));
  if (log.value() < 0) return system_error("cannot open the log file");
  std::vector<std::string> argv{program};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const auto argv_pointers = pointers(argv);
  return spawn({.program = program.c_str(),
                .argv = argv_pointers.data(),
                .envp = environ,
                .in = null.value(),
                .out = log.value(),
                .err = log.value(),
                .new_session = true});
}

Result<pid_t> start_child(const std::string& program, const std::vector<std::string>& arguments,
                          const std::optional<std::vector<std::string>>& environment) {
  Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::vector<std::string> argv{program};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment ? *environment : own_environment();
  const auto argv_pointers = pointers(argv);
  const auto environment_pointers = pointers(variables);
  return spawn({.program = program.c_str(),
                .argv = argv_pointers.data(),
                .envp = environment_pointers.data(),
                .in = null.value(),
                .ends_with_us = true});
}

std::optional<std::string> find_program(const std::vector<std::string>& folders,
                                        std::string_view name) {
  if (name.empty() || name.find('/') != std::string_view::npos || name == "." || name == "..") {
    return std::nullopt;
  }
  for (const std::string& folder : folders) {
    std::string path = folder + "/" + std::string(name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

std::vector<std::string> path_folders() {
  const char* path = std::getenv("PATH");
  std::vector<std::string> out;
  for (std::string_view folder :
       split(path != nullptr ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", ':')) {
    if (!folder.empty()) out.emplace_back(folder);
  }
  return out;
}

std::string own_folder() {
  std::array<char, PATH_MAX> path{};
  const ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size());
  const std::string_view text(path.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  const std::size_t slash = text.rfind('/');
  return std::string(text.substr(0, slash == std::string_view::npos ? 0 : slash));
}

}  // namespace weft::process
