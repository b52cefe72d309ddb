// SPDX-License-Identifier: Apache-2.0
// The releases that the daemon has yet to hear of, on disk: pending/<ident>, empty files, and
// pending.lock, held by whoever works on them. See README.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time_point.h"

namespace weft::releases {

inline constexpr std::string_view kDefaultFolder = "/var/lib/weave/cni";

class ReleaseQueue {
 public:
  // Holds the lock for as long as it lives.
  class Work {
   public:
    Work(Work&& other) noexcept;
    Work& operator=(Work&&) = delete;
    ~Work();
    std::vector<std::string> idents() const;
    // It is released, or its addresses were gone already.
    void done(const std::string& ident) const;

   private:
    friend class ReleaseQueue;
    Work(std::string folder, int fd) : folder_(std::move(folder)), fd_(fd) {}
    std::string folder_;
    int fd_;
  };

  explicit ReleaseQueue(std::string folder) : folder_(std::move(folder)) {}

  // On disk when this returns true. False: errno says why.
  bool add(const std::string& ident) const;
  bool holds(const std::string& ident) const;
  // Without a lock: what another may be about to do.
  bool empty() const;
  // nullopt: another process is at it, for longer than `patience`.
  std::optional<Work> take(Duration patience) const;

 private:
  std::string pending() const { return folder_ + "/pending/"; }

  std::string folder_;
};

}  // namespace weft::releases
