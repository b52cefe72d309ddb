// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/internal/owned_table.h"

#include <algorithm>

namespace weft::ipam {

Owned OwnedTable::entry(std::string_view ident) const {
  auto it = by_ident_.find(std::string(ident));
  return it == by_ident_.end() ? Owned{} : it->second;
}

const std::string* OwnedTable::holder(Ipv4Addr addr) const {
  auto it = by_address_.find(addr);
  return it == by_address_.end() ? nullptr : &it->second;
}

std::optional<Cidr> OwnedTable::find(std::string_view ident, IpRange range) const {
  auto it = by_ident_.find(std::string(ident));
  if (it == by_ident_.end()) return std::nullopt;
  for (Cidr address : it->second.addresses) {
    if (range.contains(address.addr())) return address;
  }
  return std::nullopt;
}

bool OwnedTable::add(std::string_view ident, Cidr address, bool is_container) {
  if (!by_address_.emplace(address.addr(), ident).second) return false;
  Owned& owned = by_ident_[std::string(ident)];
  owned.is_container = owned.is_container || is_container;
  owned.addresses.push_back(address);
  return true;
}

bool OwnedTable::remove(std::string_view ident, Ipv4Addr addr) {
  auto it = by_ident_.find(std::string(ident));
  if (it == by_ident_.end()) return false;
  std::vector<Cidr>& addresses = it->second.addresses;
  auto found = std::find_if(addresses.begin(), addresses.end(),
                            [&](Cidr address) { return address.addr() == addr; });
  if (found == addresses.end()) return false;
  addresses.erase(found);
  by_address_.erase(addr);
  if (addresses.empty()) by_ident_.erase(it);
  return true;
}

std::vector<Ipv4Addr> OwnedTable::addresses_in(IpRange range) const {
  std::vector<Ipv4Addr> out;
  for (auto it = by_address_.lower_bound(range.start);
       it != by_address_.end() && it->first < range.end; ++it) {
    out.push_back(it->first);
  }
  return out;
}

}  // namespace weft::ipam
