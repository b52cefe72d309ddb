// SPDX-License-Identifier: Apache-2.0
// One rtnetlink socket. It belongs to the namespace it was opened in for ever, so whoever holds
// sockets of two namespaces works on both without entering either. Not for several threads.
#pragma once

#include <memory>

#include "base/result.h"
#include "router/linux/netns.h"

struct nl_sock;
struct nl_msg;

namespace weft::linux_net {

// An interface's number; 0 is none. Numbers of different namespaces may be equal.
struct IfIndex {
  int value = 0;
  explicit operator bool() const { return value != 0; }
  friend auto operator<=>(IfIndex, IfIndex) = default;
};

class Netlink {
 public:
  static Result<Netlink> open();  // in the calling thread's namespace
  static Result<Netlink> open(const NetNs& ns);
  Netlink(Netlink&&) noexcept;
  Netlink& operator=(Netlink&&) noexcept;
  ~Netlink();

  // For this folder's own files.
  nl_sock* socket() const;
  // Sends a request (the message is freed) and waits for the kernel's yes or no.
  Result<> call(nl_msg* request, std::string_view what);
  // The Error of a failed libnl call, with the errno that the kernel gave.
  Error failure(int nl_error, std::string_view what) const;

 private:
  struct State;
  explicit Netlink(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weft::linux_net
