// SPDX-License-Identifier: Apache-2.0
// One netlink socket, of rtnetlink unless it says otherwise. It belongs to the namespace it was
// opened in for ever, so whoever holds sockets of two namespaces works on both without entering
// either. Not for several threads.
#pragma once

#include <compare>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "router/linux/netns.h"

struct nlmsghdr;

namespace weft::linux_net {

class Request;  // internal/request.h

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
  // Of generic netlink, which modules of the kernel speak.
  static Result<Netlink> open_generic();
  Netlink(Netlink&&) noexcept;
  Netlink& operator=(Netlink&&) noexcept;
  ~Netlink();

  // For this folder's own files. `what` must be a literal: it becomes the Error's text.
  // Sends a request and waits for the kernel's yes or no.
  Result<> call(Request& request, std::string_view what);
  // Sends a request for one object or, with NLM_F_DUMP, for all of a kind, and shows the answers.
  // EAGAIN: what was listed changed meanwhile (collect() in internal/request.h asks again).
  using Visit = std::function<void(nlmsghdr*)>;
  Result<> query(Request& request, std::string_view what, const Visit& visit);

 private:
  struct State;
  explicit Netlink(std::unique_ptr<State> state);
  static Result<Netlink> open_protocol(int protocol);
  Error failure(int nl_error, std::string_view what) const;
  std::unique_ptr<State> state_;
};

}  // namespace weft::linux_net
