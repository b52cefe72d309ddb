// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/files/files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft::kube {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = 64 * 1024;

Error system_error(std::string_view what) {
  if (errno == ENOENT) return {Errc::not_found, ENOENT, "there is no such file"};
  return {Errc::system, errno, what};
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int value() const { return fd_; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  return fs::path(path).parent_path().string();
}

std::string beside(const std::string& path) {
  return folder_of(path) + "/." + fs::path(path).filename().string() + ".new";
}

Result<> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot write");
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<> copy_all(int from, int to) {
  std::array<char, kPiece> piece{};
  while (true) {
    const ssize_t n = ::read(from, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot read");
    if (n == 0) return {};
    const std::string_view text(piece.data(), static_cast<std::size_t>(n));
    if (auto written = write_all(to, text); !written) return written;
  }
}

// Puts what `fill` writes in the file's place.
template <class Fill>
Result<> replace_with(const std::string& path, mode_t mode, const Fill& fill) {
  const std::string fresh = beside(path);
  ::unlink(fresh.c_str());
  const Fd out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (out.value() < 0) return system_error("cannot create a file beside it");
  Result<> done = fill(out.value());
  if (done && ::fchmod(out.value(), mode) != 0) done = system_error("cannot set its mode");
  if (done && ::fsync(out.value()) != 0) done = system_error("cannot bring it to the disk");
  if (done && ::rename(fresh.c_str(), path.c_str()) != 0) done = system_error("cannot rename");
  if (!done) {
    ::unlink(fresh.c_str());
    return done;
  }
  const Fd folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ::fsync(folder.value());
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t size_max) {
  const Fd in(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (in.value() < 0) return system_error("cannot open");
  std::string out;
  std::array<char, kPiece> piece{};
  while (true) {
    const ssize_t n = ::read(in.value(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot read");
    if (n == 0) return out;
    out.append(piece.data(), static_cast<std::size_t>(n));
    if (out.size() > size_max) return Error{Errc::too_large, 0, "the file is too long"};
  }
}

Result<> replace_file(const std::string& path, std::string_view text, mode_t mode) {
  return replace_with(path, mode, [text](int fd) { return write_all(fd, text); });
}

Result<> install_file(const std::string& from, const std::string& path, mode_t mode) {
  const Fd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (in.value() < 0) return system_error("cannot open what is to be installed");
  return replace_with(path, mode, [&in](int fd) { return copy_all(in.value(), fd); });
}

Result<> replace_link(const std::string& path, const std::string& target) {
  const std::string fresh = beside(path);
  ::unlink(fresh.c_str());
  if (::symlink(target.c_str(), fresh.c_str()) != 0) return system_error("cannot make a link");
  if (::rename(fresh.c_str(), path.c_str()) == 0) return {};
  const Error failed = system_error("cannot rename");
  ::unlink(fresh.c_str());
  return failed;
}

bool same_content(const std::string& a, const std::string& b) {
  const Fd left(::open(a.c_str(), O_RDONLY | O_CLOEXEC));
  const Fd right(::open(b.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat left_stat {};
  struct stat right_stat {};
  if (::fstat(left.value(), &left_stat) != 0 || ::fstat(right.value(), &right_stat) != 0) {
    return false;
  }
  if (left_stat.st_size != right_stat.st_size) return false;
  std::array<char, kPiece> x{};
  std::array<char, kPiece> y{};
  while (true) {
    const ssize_t n = ::read(left.value(), x.data(), x.size());
    const ssize_t m = ::read(right.value(), y.data(), y.size());
    if (n != m || n < 0) return false;
    if (n == 0) return true;
    if (!std::equal(x.begin(), x.begin() + n, y.begin())) return false;
  }
}

std::string link_target(const std::string& path) {
  std::error_code failed;
  return fs::read_symlink(path, failed).string();
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code failed;
  for (auto at = fs::directory_iterator(folder, failed); !failed && at != fs::end(at);
       at.increment(failed)) {
    out.push_back(at->path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace weft::kube
