// SPDX-License-Identifier: Apache-2.0
// Who holds which addresses, with the way back from address to holder. No address has two holders.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipam-crdt/allocator.h"

namespace weft::ipam {

class OwnedTable {
 public:
  const OwnedMap& all() const { return by_ident_; }
  // The holder's entry; empty if there is none.
  Owned entry(std::string_view ident) const;
  const std::string* holder(Ipv4Addr addr) const;
  // The first address that `ident` holds in the range.
  std::optional<Cidr> find(std::string_view ident, IpRange range) const;

  // False if somebody holds the address already.
  bool add(std::string_view ident, Cidr address, bool is_container);
  // False if `ident` does not hold it.
  bool remove(std::string_view ident, Ipv4Addr addr);

  std::vector<Ipv4Addr> addresses_in(IpRange range) const;

 private:
  OwnedMap by_ident_;
  std::map<Ipv4Addr, std::string> by_address_;
};

}  // namespace weft::ipam
