// SPDX-License-Identifier: Apache-2.0
// The verbs, each a function of one Call. See docs/cni.md for what each does and in what order.
#pragma once

#include <string>
#include <string_view>

#include "plugin/cni/core/config.h"
#include "plugin/cni/daemon_client.h"
#include "plugin/cni/deadline.h"
#include "plugin/cni/state_dir.h"

namespace weft::cni {

// Everything one call knows; outlives what the verbs make of it.
struct Call {
  Role role = Role::network;
  Environment env;
  NetConf conf;
  std::string_view config_text;
  io::HttpAddress daemon;
  StateDir state;
  Timeouts timeouts;
  std::string& log;

  Attachment attachment() const { return {env.container_id, env.ifname}; }
  DaemonClient client(const Deadline& deadline) const { return {daemon, timeouts, deadline}; }
  void note(const std::string& line) const { log += line + "\n"; }
};

Outcome<CniResult> add(const Call& call);
Outcome<> del(const Call& call);
Outcome<> check(const Call& call);
Outcome<> gc(const Call& call);
Outcome<> status(const Call& call);

// Releases now or, if the daemon cannot be asked, puts it on the queue.
Outcome<> release_or_queue(const Call& call, const std::string& ident, const Deadline& deadline);
// Does what the queue holds, as far as the daemon answers.
void catch_up(const Call& call);
// Removes the links of an attachment; what is gone already is fine. `netns` may be empty.
Outcome<> unplug(const Call& call, const std::optional<AttachmentRecord>& record,
                 const std::string& netns);

}  // namespace weft::cni
