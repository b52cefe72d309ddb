// SPDX-License-Identifier: Apache-2.0
// Weave's words for addresses on a command line: "10.2.1.1/24" and "ip:10.2.1.1/24" are that
// address, "net:10.2.1.0/24" one of that subnet, "net:default" and no word at all one of the
// default subnet.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "router/cli/api.h"

namespace weft::cli {

struct FixedAddress {
  Cidr cidr;
};
struct AnyAddress {
  std::optional<Cidr> subnet;  // none: the default one
};
using AddressWish = std::variant<FixedAddress, AnyAddress>;

// nullopt: not an address at all (it may be a container's name).
std::optional<AddressWish> parse_wish(std::string_view text);

// The bridge's own addresses.
inline constexpr std::string_view kExposeIdent = "weave:expose";

// Addresses held for an owner. What was not held before is released again by undo().
class Acquired {
 public:
  // No wish at all is one for any address. On a Complaint nothing is kept.
  static Answer<Acquired> acquire(const Api& api, const std::string& ident,
                                  const std::vector<AddressWish>& wishes);
  const std::vector<Cidr>& addresses() const { return addresses_; }
  void undo(const Api& api) const;

 private:
  std::optional<Complaint> take(const Api& api, const AddressWish& wish);

  std::string ident_;
  std::vector<Cidr> addresses_;
  std::vector<Cidr> fresh_;
};

// Prints "10.32.0.1 10.32.0.2", as Weave does, or a JSON object with the key "addresses".
void print_addresses(const Context& context, const std::vector<Cidr>& addresses);

}  // namespace weft::cli
