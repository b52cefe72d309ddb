// SPDX-License-Identifier: Apache-2.0
#include "router/linux/nft_watch.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "router/linux/internal/request.h"
#include "router/linux/internal/sys_error.h"
#include "router/linux/masquerade.h"

namespace weft::linux_net {
namespace {

// Reads of one take(): kube-proxy replaces thousands of rules at once, each of which is told.
constexpr int kReadsMax = 16;
constexpr int kTableDeleted = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE;

int on_message(nl_msg* message, void* deleted) {
  nlmsghdr* header = nlmsg_hdr(message);
  if (header->nlmsg_type != kTableDeleted) return NL_OK;
  const Attributes<NFTA_TABLE_MAX> attributes(header, sizeof(nfgenmsg));
  const bool ours = attributes.text(NFTA_TABLE_NAME) == kNftTable;
  auto& out = *static_cast<DeletedTables*>(deleted);
  (ours ? out.ours : out.others) = true;
  return NL_OK;
}

}  // namespace

struct NftWatch::State {
  nl_sock* socket = nl_socket_alloc();

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { nl_socket_free(socket); }
};

NftWatch::NftWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}
NftWatch::NftWatch(NftWatch&&) noexcept = default;
NftWatch& NftWatch::operator=(NftWatch&&) noexcept = default;
NftWatch::~NftWatch() = default;

Result<NftWatch> NftWatch::open() {
  auto state = std::make_unique<State>();
  if (state->socket == nullptr) return sys_error(ENOMEM, "cannot make a netlink socket");
  nl_socket_set_local_port(state->socket, 0);
  nl_socket_disable_seq_check(state->socket);  // nothing is asked: what comes is no answer
  if (nl_connect(state->socket, NETLINK_NETFILTER) < 0 ||
      nl_socket_add_memberships(state->socket, NFNLGRP_NFTABLES, 0) < 0 ||
      nl_socket_set_nonblocking(state->socket) < 0) {
    return sys_error(errno, "cannot listen to nftables");
  }
  return NftWatch(std::move(state));
}

int NftWatch::fd() const {
  return nl_socket_get_fd(state_->socket);
}

DeletedTables NftWatch::take() {
  DeletedTables deleted;
  nl_socket_modify_cb(state_->socket, NL_CB_VALID, NL_CB_CUSTOM, &on_message, &deleted);
  for (int read = 0; read < kReadsMax; ++read) {
    const int rc = nl_recvmsgs_default(state_->socket);
    if (rc == -NLE_AGAIN) break;
    if (rc < 0) return {.ours = true, .others = true};  // ENOBUFS: some of it was lost
  }
  return deleted;
}

}  // namespace weft::linux_net
