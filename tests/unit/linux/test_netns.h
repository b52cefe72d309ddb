// SPDX-License-Identifier: Apache-2.0
// Throw-away network namespaces for tests: prefix wf-u, one name space per process.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "router/linux/netns.h"
#include "router/linux/veth.h"

// Failed checks of a Result show its error.
template <class T>
struct doctest::StringMaker<weft::Result<T>> {
  static doctest::String convert(const weft::Result<T>& result) {
    return result ? "ok" : weft::to_string(result.error()).c_str();
  }
};

namespace weft::linux_net {

class TestNs {
 public:
  explicit TestNs(const std::string& suffix) : name_("wf-u" + std::to_string(::getpid()) + suffix) {
    made_ = bool(create_named_netns(name_));
  }
  TestNs(const TestNs&) = delete;
  TestNs& operator=(const TestNs&) = delete;
  ~TestNs() {
    if (made_) static_cast<void>(delete_named_netns(name_));
  }

  bool made() const { return made_; }
  const std::string& name() const { return name_; }
  std::string path() const { return named_netns_path(name_); }
  NetNs open() const { return NetNs::open(path()).value(); }

 private:
  std::string name_;
  bool made_ = false;
};

// Namespaces need root; without it these tests say so and pass.
inline bool can_make_namespaces() {
  static const bool can = TestNs("probe").made();
  if (!can) MESSAGE("skipped: no permission to make network namespaces");
  return can;
}

// Some interface to work on: one end of a veth pair, whose other end, "p" + name, is up.
inline Result<IfIndex> make_link(Netlink& nl, const std::string& name) {
  if (auto made = create_veth(nl, {.name = name, .peer_name = "p" + name}); !made) {
    return made.error();
  }
  static_cast<void>(set_link_up(nl, find_link(nl, "p" + name).value().index));
  return find_link(nl, name).value().index;
}

// A shell command's output, run in the calling thread's namespace.
inline std::string shell(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(("exec 2>&1; " + command).c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  char buffer[4096];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr)
    output += buffer;
  const int status = ::pclose(pipe);
  if (status != 0) output += "\n(exit status " + std::to_string(WEXITSTATUS(status)) + ")";
  return output;
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace weft::linux_net
