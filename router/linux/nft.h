// SPDX-License-Identifier: Apache-2.0
// Runs nftables commands through libnftables. One run is one kernel transaction: all of it takes
// effect, or nothing. Bound to the namespace it was opened in.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weft::linux_net {

enum class NftFamily { ip, ip6, inet, bridge };
std::string_view to_string(NftFamily family);

class Nft {
 public:
  static Result<Nft> open();
  Nft(Nft&&) noexcept;
  Nft& operator=(Nft&&) noexcept;
  ~Nft();

  // A ruleset in nft's language or, if it starts with '{', in libnftables-json(5).
  Result<> apply(const std::string& ruleset);
  // What nft said about the last failure; for people.
  const std::string& last_message() const;

  // JSON text of a table. not_found if there is none.
  Result<std::string> list_table(NftFamily family, std::string_view table);
  // JSON text of all chains of all tables, without their rules.
  Result<std::string> list_chains();
  // Absent is a success.
  Result<> delete_table(NftFamily family, std::string_view table);

 private:
  struct State;
  Result<std::string> list(const std::string& command);
  explicit Nft(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weft::linux_net
