// SPDX-License-Identifier: Apache-2.0
// Hears of nftables tables that are deleted: a flushed ruleset, or a firewall that is loaded anew
// (it deletes its table and makes it again). The rules of iptables-legacy are no tables: nothing is
// heard of them.
#pragma once

#include <memory>

#include "base/result.h"

namespace weft::linux_net {

struct DeletedTables {
  bool ours = false;    // kNftTable, of whichever family
  bool others = false;  // anybody else's
  bool any() const { return ours || others; }
};

class NftWatch {
 public:
  // Of the calling thread's namespace, for ever.
  static Result<NftWatch> open();
  NftWatch(NftWatch&&) noexcept;
  NftWatch& operator=(NftWatch&&) noexcept;
  ~NftWatch();

  int fd() const;  // readable when there is something to take
  // Takes what has come, a bounded part of it: fd() stays readable if there is more. If the kernel
  // had more to tell than the socket holds, both are true.
  DeletedTables take();

 private:
  struct State;
  explicit NftWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weft::linux_net
