// SPDX-License-Identifier: Apache-2.0
#include "router/io/resolver.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace weft::io {
namespace {

Result<std::vector<Ipv4Addr>> look_up(const std::string& host) {
  if (auto literal = Ipv4Addr::parse(host)) return std::vector{*literal};
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (code != 0) {
    if (code == EAI_NONAME || code == EAI_NODATA) {
      return Error{.code = Errc::not_found, .what = "no such host name"};
    }
    if (code == EAI_AGAIN) return Error{.code = Errc::system, .what = "the name server is silent"};
    return Error{.code = Errc::system, .what = "the name cannot be looked up"};
  }
  std::vector<Ipv4Addr> addresses;
  for (addrinfo* a = found; a != nullptr; a = a->ai_next) {
    const auto* sa = reinterpret_cast<const sockaddr_in*>(a->ai_addr);
    addresses.push_back({ntohl(sa->sin_addr.s_addr)});
  }
  ::freeaddrinfo(found);
  return addresses;
}

}  // namespace

// Shared with the helper thread, which outlives the Resolver while a look-up hangs.
struct Resolver::State {
  explicit State(EventLoop& l) : loop(l) {}

  struct Job {
    std::string host;
    OnDone done;
  };
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job> jobs;
  bool stopped = false;
  static void work(const std::shared_ptr<State>& state);  // the helper thread

  bool running = false;  // the thread is started by the first look-up
  EventLoop& loop;
};

Resolver::Resolver(EventLoop& loop) : state_(std::make_shared<State>(loop)) {}

Resolver::~Resolver() {
  std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  state_->wake.notify_all();
}

void Resolver::resolve(std::string host, OnDone done) {
  std::lock_guard lock(state_->mutex);
  if (state_->jobs.size() >= kLookupsMax) {
    state_->loop.post([done = std::move(done)] {
      done(Error{.code = Errc::too_large, .what = "too many names wait to be looked up"});
    });
    return;
  }
  state_->jobs.push_back({.host = std::move(host), .done = std::move(done)});
  if (!std::exchange(state_->running, true)) std::thread(State::work, state_).detach();
  state_->wake.notify_one();
}

void Resolver::State::work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  for (;;) {
    state->wake.wait(lock, [&] { return state->stopped || !state->jobs.empty(); });
    if (state->stopped) return;
    Job job = std::move(state->jobs.front());
    state->jobs.pop_front();
    lock.unlock();
    auto result = look_up(job.host);
    lock.lock();
    if (state->stopped) return;  // then the loop may be gone, too
    state->loop.post([state, done = std::move(job.done), result = std::move(result)] {
      {
        std::lock_guard guard(state->mutex);
        if (state->stopped) return;
      }
      done(result);
    });
  }
}

}  // namespace weft::io
