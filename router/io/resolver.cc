// SPDX-License-Identifier: Apache-2.0
#include "router/io/resolver.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "router/io/internal/socket.h"

namespace weft::io {
namespace {

StreamAddress to_stream_address(const addrinfo& found, std::uint16_t port) {
  if (found.ai_family == AF_INET) {
    const Ipv4Addr ip = to_endpoint(*reinterpret_cast<const sockaddr_in*>(found.ai_addr)).ip;
    return Endpoint{.ip = ip, .port = port};
  }
  const auto& six = *reinterpret_cast<const sockaddr_in6*>(found.ai_addr);
  Ipv6Endpoint out{.ip = {}, .scope = six.sin6_scope_id, .port = port};
  std::copy(std::begin(six.sin6_addr.s6_addr), std::end(six.sin6_addr.s6_addr), out.ip.begin());
  return out;
}

Result<std::vector<StreamAddress>> look_up(const std::string& host, std::uint16_t port,
                                           int family) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  switch (failed) {
    case 0:
      break;
    case EAI_NONAME:
    case EAI_NODATA:
      return Error{Errc::not_found, 0, "no such host"};
    case EAI_AGAIN:
      return Error{Errc::system, 0, "the name server does not answer"};
    case EAI_SYSTEM:
      return Error{Errc::system, errno, "cannot resolve the name"};
    default:
      return Error{Errc::system, 0, "cannot resolve the name"};
  }
  std::vector<StreamAddress> found;
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
    const StreamAddress address = to_stream_address(*a, port);
    if (std::find(found.begin(), found.end(), address) == found.end()) found.push_back(address);
  }
  ::freeaddrinfo(list);
  return found;
}

}  // namespace

// Shared with the helper thread, which may outlive the resolver while a name server is silent.
struct Resolver::State : std::enable_shared_from_this<State> {
  struct Lookup {
    std::string host;
    std::uint16_t port = 0;
    int family = AF_UNSPEC;
    OnAddresses done;
  };

  std::mutex mutex;
  EventLoop* loop = nullptr;  // null once the resolver is gone
  std::deque<Lookup> waiting;
  bool thread_runs = false;

  void answer(const OnAddresses& done, Result<std::vector<StreamAddress>> result);
  void add(Lookup lookup);
};

namespace {

// Works off what waits, then ends: an idle daemon has no helper thread.
template <class State>
void work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (state->loop != nullptr && !state->waiting.empty()) {
    auto lookup = std::move(state->waiting.front());
    state->waiting.pop_front();
    lock.unlock();
    auto found = look_up(lookup.host, lookup.port, lookup.family);
    lock.lock();
    if (state->loop == nullptr) break;
    state->loop->post([state, done = std::move(lookup.done), found = std::move(found)] {
      if (state->loop != nullptr) done(found);
    });
  }
  state->thread_runs = false;
}

}  // namespace

void Resolver::State::answer(const OnAddresses& done, Result<std::vector<StreamAddress>> result) {
  loop->post([self = shared_from_this(), done, result = std::move(result)] {
    if (self->loop != nullptr) done(result);
  });
}

void Resolver::State::add(Lookup lookup) {
  const std::lock_guard lock(mutex);
  if (waiting.size() >= kLookupsMax) {
    return answer(lookup.done, Error{Errc::too_large, 0, "too many names wait to be resolved"});
  }
  waiting.push_back(std::move(lookup));
  if (thread_runs) return;
  thread_runs = true;
  // Signals are for the thread with the loop, which may end before this one does.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([self = shared_from_this()] { work(self); }).detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Resolver::Resolver(EventLoop& loop) : state_(std::make_shared<State>()) {
  state_->loop = &loop;
}

Resolver::~Resolver() {
  const std::lock_guard lock(state_->mutex);
  state_->loop = nullptr;
  state_->waiting.clear();
}

void Resolver::resolve(std::string host, OnDone done) {
  auto only_ipv4 = [done = std::move(done)](const Result<std::vector<StreamAddress>>& found) {
    if (!found) return done(found.error());
    std::vector<Ipv4Addr> out;
    for (const StreamAddress& address : *found)
      out.push_back(std::get<Endpoint>(address.where).ip);
    done(std::move(out));
  };
  if (const auto ip = Ipv4Addr::parse(host)) {
    return state_->answer(only_ipv4, std::vector<StreamAddress>{Endpoint{.ip = *ip, .port = 0}});
  }
  state_->add(
      {.host = std::move(host), .port = 0, .family = AF_INET, .done = std::move(only_ipv4)});
}

void Resolver::resolve(std::string host, std::uint16_t port, OnAddresses done) {
  if (const auto literal = StreamAddress::literal(host, port)) {
    return state_->answer(done, std::vector{*literal});
  }
  state_->add(
      {.host = std::move(host), .port = port, .family = AF_UNSPEC, .done = std::move(done)});
}

}  // namespace weft::io
