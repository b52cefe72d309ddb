// SPDX-License-Identifier: Apache-2.0
#include "router/cli/addresses.h"

#include <algorithm>

#include "base/json/json.h"
#include "base/text.h"

namespace weft::cli {

std::optional<AddressWish> parse_wish(std::string_view text) {
  if (text.starts_with("net:")) {
    text.remove_prefix(4);
    if (text == "default") return AnyAddress{};
    auto subnet = Cidr::parse(text);
    if (!subnet) return std::nullopt;
    return AnyAddress{subnet};
  }
  if (text.starts_with("ip:")) text.remove_prefix(3);
  auto cidr = Cidr::parse(text);
  if (!cidr) return std::nullopt;
  return FixedAddress{*cidr};
}

Answer<Acquired> Acquired::acquire(const Api& api, const std::string& ident,
                                   const std::vector<AddressWish>& wishes) {
  Acquired out;
  out.ident_ = ident;
  const std::vector<AddressWish> any{AnyAddress{}};
  for (const AddressWish& wish : wishes.empty() ? any : wishes) {
    if (auto complaint = out.take(api, wish)) {
      out.undo(api);
      return *complaint;
    }
  }
  return out;
}

std::optional<Complaint> Acquired::take(const Api& api, const AddressWish& wish) {
  const auto* fixed = std::get_if<FixedAddress>(&wish);
  const std::optional<Cidr> subnet = fixed != nullptr
                                         ? Cidr::make(fixed->cidr.first(), fixed->cidr.prefix_len())
                                         : std::get<AnyAddress>(wish).subnet;
  auto held = api.lookup(ident_, subnet);
  if (auto* complaint = std::get_if<Complaint>(&held)) return *complaint;
  Cidr address;
  if (fixed != nullptr) {
    auto answer = api.claim(ident_, fixed->cidr);
    if (auto* complaint = std::get_if<Complaint>(&answer)) return *complaint;
    address = fixed->cidr;
  } else {
    auto answer = api.allocate(ident_, subnet);
    if (auto* complaint = std::get_if<Complaint>(&answer)) return *complaint;
    address = std::get<Cidr>(answer);
  }
  addresses_.push_back(address);
  const auto& before = std::get<std::vector<Cidr>>(held);
  if (std::find(before.begin(), before.end(), address) == before.end()) fresh_.push_back(address);
  return std::nullopt;
}

void Acquired::undo(const Api& api) const {
  for (const Cidr& address : fresh_)
    api.release(ident_, address.addr());
}

void print_addresses(const Context& context, const std::vector<Cidr>& addresses) {
  if (context.json) {
    nlohmann::json out{{"addresses", nlohmann::json::array()}};
    for (const Cidr& address : addresses)
      out["addresses"].push_back(address.text());
    context.out << out.dump(4) << "\n";
    return;
  }
  std::vector<std::string> texts;
  texts.reserve(addresses.size());
  for (const Cidr& address : addresses)
    texts.push_back(address.addr().text());
  if (!texts.empty()) context.out << join(texts, " ") << "\n";
}

}  // namespace weft::cli
