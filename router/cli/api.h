// SPDX-License-Identifier: Apache-2.0
// The daemon's HTTP API as the commands use it. Failures become sentences that say what was asked
// where, and what to do.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "router/cli/context.h"
#include "router/io/http.h"

namespace weft::cli {

// A failure worded for people.
struct Complaint {
  std::string text;
  unsigned status = 0;  // of the HTTP reply; 0: there was none
};

template <class T>
using Answer = std::variant<T, Complaint>;

class Api {
 public:
  explicit Api(const Context& context) : context_(context) {}

  struct Request {
    std::string method = "GET";
    std::string target;
    std::vector<std::pair<std::string, std::string>> form;
    bool wants_json = false;
    std::optional<Duration> timeout = std::chrono::seconds(30);
  };
  // Any reply but a success is a Complaint, with the daemon's words.
  Answer<std::string> ask(const Request& request) const;
  // For reading: goes to the status address if nobody answers at the other. `ready` becomes false
  // when the daemon says that it is not ready yet; the body is complete all the same.
  Answer<std::string> read(const Request& request, bool* ready = nullptr) const;

  // Without address allocation nothing is held, and a fixed address is anybody's to take; only
  // allocate() is a Complaint then.
  Answer<std::vector<Cidr>> lookup(const std::string& ident, std::optional<Cidr> subnet) const;
  Answer<Cidr> allocate(const std::string& ident, std::optional<Cidr> subnet) const;
  Answer<std::string> claim(const std::string& ident, Cidr address) const;
  Answer<std::string> release(const std::string& ident, Ipv4Addr address) const;

  struct Owned {
    std::string ident;
    std::vector<Cidr> addresses;
  };
  Answer<std::vector<Owned>> owned() const;

 private:
  const Context& context_;
};

}  // namespace weft::cli
