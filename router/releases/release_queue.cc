// SPDX-License-Identifier: Apache-2.0
#include "router/releases/release_queue.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace weft::releases {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFileMode = 0600;
constexpr timespec kPause{0, 5'000'000};
// Each is a container's; a host has some hundreds. More wait for the next turn.
constexpr std::size_t kAtOnceMax = 1000;

void sync_folder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

ReleaseQueue::Work::Work(Work&& other) noexcept
    : folder_(std::move(other.folder_)), fd_(std::exchange(other.fd_, -1)) {}

ReleaseQueue::Work::~Work() {
  if (fd_ >= 0) ::close(fd_);
}

std::vector<std::string> ReleaseQueue::Work::idents() const {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator at(folder_, error), end;
       !error && at != end && out.size() < kAtOnceMax; at.increment(error)) {
    std::string name = at->path().filename();
    if (!name.starts_with(".")) out.push_back(std::move(name));
  }
  std::sort(out.begin(), out.end());
  return out;
}

void ReleaseQueue::Work::done(const std::string& ident) const {
  ::unlink((folder_ + ident).c_str());
}

// An empty file is whole as soon as it is there.
bool ReleaseQueue::add(const std::string& ident) const {
  std::error_code error;
  fs::create_directories(pending(), error);
  const int fd = ::open((pending() + ident).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, kFileMode);
  if (fd < 0) return false;
  const bool ok = ::fsync(fd) == 0;
  ::close(fd);
  sync_folder(pending());
  return ok;
}

bool ReleaseQueue::holds(const std::string& ident) const {
  return ::access((pending() + ident).c_str(), F_OK) == 0;
}

bool ReleaseQueue::empty() const {
  std::error_code error;
  return fs::directory_iterator(pending(), error) == fs::directory_iterator();
}

std::optional<ReleaseQueue::Work> ReleaseQueue::take(Duration patience) const {
  std::error_code error;
  fs::create_directories(folder_, error);
  const int fd =
      ::open((folder_ + "/pending.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (fd < 0) return std::nullopt;
  Work work(pending(), fd);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() >= end) return std::nullopt;
    ::nanosleep(&kPause, nullptr);
  }
  return work;
}

}  // namespace weft::releases
