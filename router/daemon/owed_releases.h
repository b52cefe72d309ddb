// SPDX-License-Identifier: Apache-2.0
// Releases what the CNI plugin could not while we were down. Without this the address of a host's
// last container would stay in use until the next one comes.
#pragma once

#include <memory>
#include <string>

#include "router/daemon/control.h"
#include "router/releases/release_queue.h"

namespace weft::daemon {

class OwedReleases {
 public:
  // `control` outlives this; `folder` is the plugin's state directory.
  OwedReleases(Control& control, std::string folder)
      : control_(control), queue_(std::move(folder)) {}

  // Does what waits now. Nothing while a turn is under way or the plugin is at it.
  void work();

 private:
  struct Turn;

  Control& control_;
  releases::ReleaseQueue queue_;
  std::weak_ptr<Turn> turn_;
};

}  // namespace weft::daemon
