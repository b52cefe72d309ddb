// SPDX-License-Identifier: Apache-2.0
#include "router/linux/internal/request.h"

#include <cstring>

#include "base/bytes.h"

namespace weft::linux_net {

Request& Request::ip(int attribute, Ipv4Addr v) {
  std::array<std::byte, 4> wire{};
  store_u32(wire, v.value);
  return note(nla_put(message_, attribute, static_cast<int>(wire.size()), wire.data()));
}

Request& Request::mac(int attribute, MacAddr v) {
  Bytes wire;
  Writer(wire).u48(v.value);
  return note(nla_put(message_, attribute, static_cast<int>(wire.size()), wire.data()));
}

namespace {
ByteView content(const nlattr* attribute) {
  return {static_cast<const std::byte*>(nla_data(attribute)),
          static_cast<std::size_t>(nla_len(attribute))};
}
}  // namespace

std::string attribute_text(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  const std::string_view all = as_text(content(attribute));
  return std::string(all.substr(0, all.find('\0')));
}

Ipv4Addr attribute_ip(const nlattr* attribute) {
  return {Reader(content(attribute)).u32()};
}

MacAddr attribute_mac(const nlattr* attribute) {
  return attribute == nullptr ? MacAddr{} : MacAddr{Reader(content(attribute)).u48()};
}

}  // namespace weft::linux_net
