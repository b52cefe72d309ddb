// SPDX-License-Identifier: Apache-2.0
#include "router/io/resolver.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <mutex>
#include <thread>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "router/io/internal/socket.h"

namespace weft::io {
namespace {

Result<std::vector<Ipv4Addr>> look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
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
  std::vector<Ipv4Addr> found;
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    const Ipv4Addr ip = to_endpoint(*reinterpret_cast<const sockaddr_in*>(a->ai_addr)).ip;
    if (std::find(found.begin(), found.end(), ip) == found.end()) found.push_back(ip);
  }
  ::freeaddrinfo(list);
  return found;
}

}  // namespace

// Shared with the helper thread, which may outlive the resolver while a name server is silent.
struct Resolver::State {
  struct Lookup {
    std::string host;
    OnDone done;
  };

  std::mutex mutex;
  EventLoop* loop = nullptr;  // null once the resolver is gone
  std::deque<Lookup> waiting;
  bool thread_runs = false;
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
    auto found = look_up(lookup.host);
    lock.lock();
    if (state->loop == nullptr) break;
    state->loop->post([state, done = std::move(lookup.done), found = std::move(found)] {
      if (state->loop != nullptr) done(found);
    });
  }
  state->thread_runs = false;
}

}  // namespace

Resolver::Resolver(EventLoop& loop) : state_(std::make_shared<State>()) {
  state_->loop = &loop;
}

Resolver::~Resolver() {
  const std::lock_guard lock(state_->mutex);
  state_->loop = nullptr;
  state_->waiting.clear();
}

void Resolver::resolve(std::string host, OnDone done) {
  const auto answer = [this, &done](Result<std::vector<Ipv4Addr>> result) {
    state_->loop->post([state = state_, done, result = std::move(result)] {
      if (state->loop != nullptr) done(result);
    });
  };
  if (const auto literal = Ipv4Addr::parse(host)) return answer(std::vector{*literal});
  const std::lock_guard lock(state_->mutex);
  if (state_->waiting.size() >= kLookupsMax) {
    return answer(Error{Errc::too_large, 0, "too many names wait to be resolved"});
  }
  state_->waiting.push_back({std::move(host), std::move(done)});
  if (state_->thread_runs) return;
  state_->thread_runs = true;
  std::thread([state = state_] { work(state); }).detach();
}

}  // namespace weft::io
