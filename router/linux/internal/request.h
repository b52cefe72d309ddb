// SPDX-License-Identifier: Apache-2.0
// Builds one rtnetlink message, and reads the attributes of answers. A message that did not fit
// fails when it is sent, so there is no check per attribute.
#pragma once

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "base/ip.h"
#include "base/mac.h"
#include "router/linux/netlink.h"

namespace weft::linux_net {

class Request {
 public:
  Request(int type, int flags) : message_(nlmsg_alloc_simple(type, flags)) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  ~Request() { nlmsg_free(message_); }

  // The fixed part that opens the message or a nested one.
  template <class Fixed>
  Request& fixed(Fixed header) {
    note(message_ == nullptr ? -1 : nlmsg_append(message_, &header, sizeof header, NLMSG_ALIGNTO));
    return *this;
  }
  Request& u8(int attribute, std::uint8_t v) { return note(nla_put_u8(message_, attribute, v)); }
  Request& u16(int attribute, std::uint16_t v) { return note(nla_put_u16(message_, attribute, v)); }
  Request& u32(int attribute, std::uint32_t v) { return note(nla_put_u32(message_, attribute, v)); }
  Request& i32(int attribute, int v) { return u32(attribute, static_cast<std::uint32_t>(v)); }
  Request& text(int attribute, std::string_view v) {
    return note(nla_put_string(message_, attribute, std::string(v).c_str()));
  }
  Request& ip(int attribute, Ipv4Addr v);
  Request& mac(int attribute, MacAddr v);

  // Attributes added during `fill` become the content of `attribute`.
  template <class Fill>
  Request& nest(int attribute, Fill fill) {
    nlattr* start = nla_nest_start(message_, attribute);
    note(start == nullptr ? -1 : 0);
    fill();
    if (start != nullptr) nla_nest_end(message_, start);
    return *this;
  }

  bool failed() const { return failed_ || message_ == nullptr; }
  nl_msg* message() { return message_; }

 private:
  Request& note(int result) {
    failed_ = failed_ || result < 0;
    return *this;
  }

  nl_msg* message_;
  bool failed_ = false;
};

// The attributes of one message or nest, by number up to `Max`.
template <int Max>
class Attributes {
 public:
  Attributes(nlmsghdr* message, std::size_t fixed_size) {
    nlmsg_parse(message, static_cast<int>(fixed_size), table_.data(), Max, nullptr);
  }
  explicit Attributes(nlattr* nest) {
    if (nest != nullptr) nla_parse_nested(table_.data(), Max, nest, nullptr);
  }

  nlattr* find(int attribute) const { return table_[static_cast<std::size_t>(attribute)]; }
  bool has(int attribute) const { return find(attribute) != nullptr; }
  std::optional<std::uint32_t> u32(int attribute) const {
    nlattr* a = sized(attribute, 4);
    return a == nullptr ? std::nullopt : std::optional(nla_get_u32(a));
  }
  std::optional<std::uint8_t> u8(int attribute) const {
    nlattr* a = sized(attribute, 1);
    return a == nullptr ? std::nullopt : std::optional(nla_get_u8(a));
  }
  int i32(int attribute, int otherwise = 0) const {
    const auto v = u32(attribute);
    return v ? static_cast<int>(*v) : otherwise;
  }
  std::string text(int attribute) const;
  std::optional<Ipv4Addr> ip(int attribute) const;
  MacAddr mac(int attribute) const;

 private:
  nlattr* sized(int attribute, int size) const {
    nlattr* a = find(attribute);
    return a != nullptr && nla_len(a) >= size ? a : nullptr;
  }
  std::array<nlattr*, Max + 1> table_{};
};

std::string attribute_text(const nlattr* attribute);
Ipv4Addr attribute_ip(const nlattr* attribute);
MacAddr attribute_mac(const nlattr* attribute);

// A listing that changed while it was read is read again, this often at most.
inline constexpr int kListAttempts = 5;

// Lists all objects of the request's kind; `parse` gives an optional<T> for each answer.
template <class T, class Parse>
Result<std::vector<T>> collect(Netlink& nl, Request& request, std::string_view what, Parse parse) {
  Result<> done = Error{Errc::system, EAGAIN, what};
  for (int attempt = 0; attempt < kListAttempts; ++attempt) {
    std::vector<T> all;
    done = nl.query(request, what, [&](nlmsghdr* answer) {
      if (auto one = parse(answer)) all.push_back(std::move(*one));
    });
    if (done) return all;
    if (done.error().sys_errno != EAGAIN) break;
  }
  return done.error();
}

template <int Max>
std::string Attributes<Max>::text(int attribute) const {
  return attribute_text(find(attribute));
}
template <int Max>
std::optional<Ipv4Addr> Attributes<Max>::ip(int attribute) const {
  nlattr* a = sized(attribute, 4);
  return a == nullptr ? std::nullopt : std::optional(attribute_ip(a));
}
template <int Max>
MacAddr Attributes<Max>::mac(int attribute) const {
  return attribute_mac(sized(attribute, 6));
}

}  // namespace weft::linux_net
