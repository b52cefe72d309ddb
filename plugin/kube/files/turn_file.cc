// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/files/turn_file.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft::kube {
namespace {

struct flock lock_of(TurnFile::Place place, short kind) {
  struct flock lock {};
  lock.l_type = kind;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(place);
  lock.l_len = 1;
  return lock;
}

}  // namespace

Result<TurnFile> TurnFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Error{Errc::system, errno, "the file of turns cannot be opened"};
  TurnFile file(fd, path);
  struct flock look = lock_of(Place::serving, F_WRLCK);
  if (::fcntl(fd, F_OFD_GETLK, &look) != 0) {
    return Error{Errc::system, errno, "the file of turns cannot be locked"};
  }
  return file;
}

TurnFile::TurnFile(TurnFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

TurnFile& TurnFile::operator=(TurnFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

TurnFile::~TurnFile() {
  if (fd_ >= 0) ::close(fd_);
}

bool TurnFile::take(Place place) const {
  struct flock lock = lock_of(place, F_WRLCK);
  return ::fcntl(fd_, F_OFD_SETLK, &lock) == 0;
}

void TurnFile::leave(Place place) const {
  struct flock lock = lock_of(place, F_UNLCK);
  ::fcntl(fd_, F_OFD_SETLK, &lock);
}

bool TurnFile::stale() const {
  struct stat ours {
  }, now{};
  if (::fstat(fd_, &ours) != 0 || ::stat(path_.c_str(), &now) != 0) return errno == ENOENT;
  return ours.st_ino != now.st_ino || ours.st_dev != now.st_dev;
}

bool TurnFile::taken(Place place) const {
  struct flock lock = lock_of(place, F_WRLCK);
  return ::fcntl(fd_, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace weft::kube
