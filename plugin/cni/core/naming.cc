// SPDX-License-Identifier: Apache-2.0
#include "plugin/cni/core/naming.h"

#include <algorithm>

#include "base/text.h"

namespace weft::cni {

namespace {

constexpr std::string_view kFirstInterface = "eth0";
constexpr std::string_view kHostPrefix = "vethwepl";
constexpr std::size_t kHostIdSize = 7;

bool starts_with_hex(std::string_view id) {
  return id.size() >= kHostIdSize && std::all_of(id.begin(), id.begin() + kHostIdSize, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

std::string ident_of(const Attachment& attachment) {
  const auto& [id, ifname] = attachment;
  return ifname == kFirstInterface ? id : id + ":" + ifname;
}

std::string host_link_of(const Attachment& attachment) {
  const auto& [id, ifname] = attachment;
  const bool as_weave = ifname == kFirstInterface && starts_with_hex(id);
  return std::string(kHostPrefix) + (as_weave
                                         ? id.substr(0, kHostIdSize)
                                         : short_digest(file_name_of(attachment), kHostIdSize));
}

std::string file_name_of(const Attachment& attachment) {
  return attachment.first + ":" + attachment.second;
}

}  // namespace weft::cni
