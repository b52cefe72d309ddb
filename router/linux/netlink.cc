// SPDX-License-Identifier: Apache-2.0
#include "router/linux/netlink.h"

#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "router/linux/internal/request.h"
#include "router/linux/internal/sys_error.h"

namespace weft::linux_net {

struct Netlink::State {
  nl_sock* socket = nullptr;
  int kernel_errno = 0;  // of the last refusal

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { nl_socket_free(socket); }
};

namespace {

// libnl folds errno into fewer codes of its own; callers are told the kernel's.
int on_refusal(sockaddr_nl*, nlmsgerr* refusal, void* kernel_errno) {
  *static_cast<int*>(kernel_errno) = -refusal->error;
  return NL_STOP;
}

int on_answer(nl_msg* answer, void* visit) {
  (*static_cast<const Netlink::Visit*>(visit))(nlmsg_hdr(answer));
  return NL_OK;
}

}  // namespace

Netlink::Netlink(std::unique_ptr<State> state) : state_(std::move(state)) {}
Netlink::Netlink(Netlink&&) noexcept = default;
Netlink& Netlink::operator=(Netlink&&) noexcept = default;
Netlink::~Netlink() = default;

Result<Netlink> Netlink::open() {
  return open_protocol(NETLINK_ROUTE);
}

Result<Netlink> Netlink::open_generic() {
  return open_protocol(NETLINK_GENERIC);
}

Result<Netlink> Netlink::open_protocol(int protocol) {
  auto state = std::make_unique<State>();
  state->socket = nl_socket_alloc();
  if (state->socket == nullptr) return sys_error(ENOMEM, "cannot make a netlink socket");
  // The kernel chooses the port: processes of several pid namespaces may share this network.
  nl_socket_set_local_port(state->socket, 0);
  if (nl_connect(state->socket, protocol) < 0) {
    return sys_error(errno, "cannot open a netlink socket");
  }
  nl_socket_modify_err_cb(state->socket, NL_CB_CUSTOM, &on_refusal, &state->kernel_errno);
  return Netlink(std::move(state));
}

Result<Netlink> Netlink::open(const NetNs& ns) {
  return run_in(ns, [] { return Netlink::open(); });
}

Error Netlink::failure(int nl_error, std::string_view what) const {
  if (state_->kernel_errno != 0) return sys_error(state_->kernel_errno, what);
  if (nl_error == -NLE_NOMEM) return sys_error(ENOMEM, what);
  if (nl_error == -NLE_PERM) return sys_error(EPERM, what);
  return sys_error(EIO, what);
}

Result<> Netlink::call(Request& request, std::string_view what) {
  if (request.failed()) return sys_error(EMSGSIZE, what);
  state_->kernel_errno = 0;
  nlmsg_hdr(request.message())->nlmsg_flags |= NLM_F_ACK;
  int rc = nl_send_auto(state_->socket, request.message());
  if (rc >= 0) rc = nl_wait_for_ack(state_->socket);
  if (rc < 0) return failure(rc, what);
  return {};
}

Result<> Netlink::query(Request& request, std::string_view what, const Visit& visit) {
  if (request.failed()) return sys_error(EMSGSIZE, what);
  state_->kernel_errno = 0;
  nlmsg_hdr(request.message())->nlmsg_seq = NL_AUTO_SEQ;
  nl_socket_modify_cb(state_->socket, NL_CB_VALID, NL_CB_CUSTOM, &on_answer,
                      const_cast<Visit*>(&visit));
  int rc = nl_send_auto(state_->socket, request.message());
  // One object is followed by an acknowledgement, a list by its own end.
  const bool list = (nlmsg_hdr(request.message())->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  if (rc >= 0) rc = nl_recvmsgs_default(state_->socket);
  if (rc >= 0 && !list) rc = nl_wait_for_ack(state_->socket);
  nl_socket_modify_cb(state_->socket, NL_CB_VALID, NL_CB_DEFAULT, nullptr, nullptr);
  if (rc == -NLE_DUMP_INTR) return sys_error(EAGAIN, what);
  if (rc < 0) return failure(rc, what);
  return {};
}

}  // namespace weft::linux_net
