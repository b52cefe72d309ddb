// SPDX-License-Identifier: Apache-2.0
// A handle on a network namespace, and a way to run code inside it on the calling thread.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sys/types.h>

#include "base/result.h"
#include "router/linux/unique_fd.h"

namespace weft::linux_net {

class NetNs {
 public:
  // A bind-mounted namespace ("/run/netns/x", "/proc/7/ns/net"). not_found if the path is absent,
  // bad_value if it is no network namespace.
  static Result<NetNs> open(const std::string& path);
  static Result<NetNs> of_pid(pid_t pid);
  static Result<NetNs> current();

  int fd() const { return fd_.value(); }
  // Are these the same namespace?
  bool same_as(const NetNs& other) const;

 private:
  explicit NetNs(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Puts the calling thread into a namespace for its own lifetime. A thread that cannot come back
// would do the rest of its work on the wrong host, so that aborts the process.
class NetNsScope {
 public:
  static Result<NetNsScope> enter(const NetNs& ns);
  NetNsScope(NetNsScope&& other) noexcept : home_(std::move(other.home_)) {}
  NetNsScope& operator=(NetNsScope&&) = delete;
  NetNsScope(const NetNsScope&) = delete;
  NetNsScope& operator=(const NetNsScope&) = delete;
  ~NetNsScope();

 private:
  explicit NetNsScope(UniqueFd home) : home_(std::move(home)) {}
  UniqueFd home_;
};

// Calls `work`, which returns some Result, inside `ns`.
template <class Work>
auto run_in(const NetNs& ns, Work&& work) -> std::invoke_result_t<Work> {
  auto scope = NetNsScope::enter(ns);
  if (!scope) return scope.error();
  return std::forward<Work>(work)();
}

// Named namespaces as `ip netns` keeps them, under /run/netns. Creating needs CAP_SYS_ADMIN.
std::string named_netns_path(std::string_view name);
Result<> create_named_netns(std::string_view name);
Result<> delete_named_netns(std::string_view name);

}  // namespace weft::linux_net
