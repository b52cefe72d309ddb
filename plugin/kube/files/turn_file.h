// SPDX-License-Identifier: Apache-2.0
// A file by which processes of one host, in whatever containers, see one another: each of four
// places in it is held by one process at most, and is free again when that process is gone, however
// it ended. By locks of open file descriptions (fcntl(2), F_OFD_SETLK).
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"

namespace weft::kube {

class TurnFile {
 public:
  enum class Place : std::uint8_t { serving = 0, heir = 1, standby = 2, leaving = 3 };

  // Makes the file if need be, mode 0600. system: as the kernel says.
  static Result<TurnFile> open(const std::string& path);
  TurnFile(TurnFile&& other) noexcept;
  TurnFile& operator=(TurnFile&& other) noexcept;
  TurnFile(const TurnFile&) = delete;
  TurnFile& operator=(const TurnFile&) = delete;
  ~TurnFile();

  // False: another holds it. One's own may be taken again.
  bool take(Place place) const;
  void leave(Place place) const;
  // By another.
  bool taken(Place place) const;
  // Somebody has removed the file, so processes that came since have another.
  bool stale() const;

 private:
  TurnFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  int fd_ = -1;
  std::string path_;
};

}  // namespace weft::kube
