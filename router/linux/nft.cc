// SPDX-License-Identifier: Apache-2.0
#include "router/linux/nft.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <nftables/libnftables.h>

#include "router/linux/internal/sys_error.h"

namespace weft::linux_net {

struct Nft::State {
  nft_ctx* context = nullptr;
  std::string message;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (context != nullptr) nft_ctx_free(context);
  }
};

namespace {

// libnftables reports in words only; these are the kernel's.
int errno_in(std::string_view message) {
  constexpr std::array kKnown{ENOENT, EPERM, EACCES, EEXIST, EBUSY, EOPNOTSUPP, ENOMEM, EAGAIN};
  const auto* known = std::find_if(kKnown.begin(), kKnown.end(), [&](int e) {
    return message.find(std::strerror(e)) != std::string_view::npos;
  });
  return known == kKnown.end() ? EINVAL : *known;
}

std::string table_ref(NftFamily family, std::string_view table) {
  return std::string(to_string(family)) + " " + std::string(table);
}

}  // namespace

std::string_view to_string(NftFamily family) {
  switch (family) {
    case NftFamily::ip:
      return "ip";
    case NftFamily::ip6:
      return "ip6";
    case NftFamily::inet:
      return "inet";
    case NftFamily::bridge:
      return "bridge";
  }
  return "ip";
}

Nft::Nft(std::unique_ptr<State> state) : state_(std::move(state)) {}
Nft::Nft(Nft&&) noexcept = default;
Nft& Nft::operator=(Nft&&) noexcept = default;
Nft::~Nft() = default;

Result<Nft> Nft::open() {
  auto state = std::make_unique<State>();
  state->context = nft_ctx_new(NFT_CTX_DEFAULT);
  if (state->context == nullptr) return sys_error(ENOMEM, "cannot open nftables");
  nft_ctx_buffer_output(state->context);
  nft_ctx_buffer_error(state->context);
  return Nft(std::move(state));
}

Result<> Nft::apply(const std::string& ruleset) {
  unsigned flags = 0;
  if (ruleset.starts_with('{')) flags |= NFT_CTX_OUTPUT_JSON;
  nft_ctx_output_set_flags(state_->context, flags);
  const int rc = nft_run_cmd_from_buffer(state_->context, ruleset.c_str());
  state_->message = nft_ctx_get_error_buffer(state_->context);
  if (rc != 0) return sys_error(errno_in(state_->message), "nftables refused the rules");
  return {};
}

const std::string& Nft::last_message() const {
  return state_->message;
}

Result<std::string> Nft::list_table(NftFamily family, std::string_view table) {
  return list("list table " + table_ref(family, table));
}

Result<std::string> Nft::list_chains() {
  return list("list chains");
}

Result<std::string> Nft::list(const std::string& command) {
  nft_ctx_output_set_flags(state_->context, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_HANDLE);
  const int rc = nft_run_cmd_from_buffer(state_->context, command.c_str());
  state_->message = nft_ctx_get_error_buffer(state_->context);
  if (rc != 0) return sys_error(errno_in(state_->message), "nftables does not list its rules");
  return std::string(nft_ctx_get_output_buffer(state_->context));
}

Result<> Nft::delete_table(NftFamily family, std::string_view table) {
  // Adding first makes the deletion of an absent table no error.
  const std::string ref = table_ref(family, table);
  return apply("add table " + ref + "\ndelete table " + ref + "\n");
}

}  // namespace weft::linux_net
