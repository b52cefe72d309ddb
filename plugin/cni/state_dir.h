// SPDX-License-Identifier: Apache-2.0
// What the plugin remembers on disk between its short lives: which attachments it made, for GC and
// for a DEL whose namespace is gone, and which releases the daemon has yet to hear of.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time_point.h"
#include "plugin/cni/core/config.h"
#include "router/linux/pod_guard.h"
#include "router/releases/release_queue.h"

namespace weft::cni {

inline constexpr std::string_view kDefaultStateDir = releases::kDefaultFolder;

struct AttachmentRecord {
  Attachment attachment;
  std::string network;
  std::string ident;       // towards the daemon; empty: another plugin handed out the addresses
  std::string guest_link;  // empty: addresses only
  std::string host_link;
  // What it may send, to be put back if somebody flushes the rules. None: anything.
  std::optional<linux_net::PodGuard> guard{};
};

class StateDir {
 public:
  explicit StateDir(std::string path) : path_(std::move(path)), queue_(path_) {}

  // False: could not be written; errno says why.
  bool remember(const AttachmentRecord& record) const;
  std::optional<AttachmentRecord> recall(const Attachment& attachment) const;
  void forget(const Attachment& attachment) const;
  std::vector<AttachmentRecord> attachments() const;
  std::vector<AttachmentRecord> attachments_of(const std::string& container_id) const;

  // Queued releases are on disk when this returns true.
  bool queue_release(const std::string& ident) const;
  bool release_is_queued(const std::string& ident) const;
  // The ident is in use again. Waits for another process that works on the queue; false: it did
  // not finish in time.
  bool withdraw_release(const std::string& ident, Duration patience) const;
  // Calls `release` for each queued ident. Does nothing while another process is at it.
  enum class Released { yes, not_this_one, stop };
  void catch_up(const std::function<Released(const std::string& ident)>& release) const;

  // Unfinished files of processes that were killed; those of others that run are left alone.
  void sweep() const;

 private:
  std::string path_;
  releases::ReleaseQueue queue_;
};

}  // namespace weft::cni
