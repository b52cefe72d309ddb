// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_caller.h"

#include <cerrno>
#include <list>
#include <map>

#include "router/io/http_message.h"
#include "router/io/internal/http_link.h"
#include "router/io/resolver.h"

namespace weft::io {
namespace {

std::string host_header(const HttpPlace& server) {
  if (std::holds_alternative<UnixPath>(server)) return "localhost";
  return std::get<HostAndPort>(server).text();
}

// Asked twice, it does what it does once.
bool repeatable(const std::string& method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE";
}

}  // namespace

std::string HostAndPort::text() const {
  const bool six = host.find(':') != std::string::npos;
  return (six ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

// waiting for a connection → (request sent) waiting for the head → body or stream → over
//        ↑ once, if a kept connection turned out to be closed ┘
struct HttpCaller::State : std::enable_shared_from_this<State> {
  struct Active {
    Active(EventLoop& loop, std::function<void()> on_expiry) : timer(loop, std::move(on_expiry)) {}
    Call call;
    Handlers handlers;
    Timer timer;
    std::shared_ptr<HttpLink> link;
    std::vector<StreamAddress> addresses;  // that have not been tried
    bool reused = false;
    bool opened = false;
  };
  struct Kept {
    std::shared_ptr<HttpLink> link;
    TimePoint until;
  };

  State(EventLoop& event_loop, HttpCallerOptions caller_options)
      : loop(event_loop),
        options(std::move(caller_options)),
        resolver(loop),
        connector(loop),
        keeper(loop, [this] { drop_old(); }) {}

  Active* find(CallId id) {
    const auto found = active.find(id);
    return found == active.end() ? nullptr : found->second.get();
  }

  void begin(CallId id);
  void connect(CallId id);
  void connect_next(CallId id, const Error& last);
  void on_connected(CallId id, std::unique_ptr<TcpStream> stream);
  void attach(CallId id);
  void send(CallId id);
  void on_progress(CallId id);
  void on_stream_bytes(CallId id, const std::shared_ptr<Active>& a);
  void on_broken(CallId id, const Error& why);
  void finish(CallId id);
  void fail(CallId id, const Error& why);
  void keep(const std::shared_ptr<HttpLink>& link);
  void drop_old();
  HttpLink::Handlers handlers_for(CallId id);

  EventLoop& loop;
  HttpCallerOptions options;
  Resolver resolver;
  TcpConnector connector;
  std::map<CallId, std::shared_ptr<Active>> active;
  std::list<Kept> kept;
  Timer keeper;
  CallId last_id = 0;
  bool gone = false;
};

void HttpCaller::State::begin(CallId id) {
  Active* a = find(id);
  if (a == nullptr) return;
  if (active.size() > options.calls_max) {
    return fail(id, {Errc::too_large, 0, "too many requests at once"});
  }
  if (kept.empty()) return connect(id);
  a->link = kept.back().link;
  kept.pop_back();
  a->reused = true;
  attach(id);
  send(id);
}

void HttpCaller::State::connect(CallId id) {
  if (const auto* path = std::get_if<UnixPath>(&options.server)) {
    find(id)->addresses = {HttpAddress{*path}};
    return connect_next(id, {});
  }
  const auto& server = std::get<HostAndPort>(options.server);
  resolver.resolve(server.host, server.port,
                   [this, id](const Result<std::vector<StreamAddress>>& found) {
                     Active* a = find(id);
                     if (a == nullptr) return;
                     if (!found) return fail(id, found.error());
                     a->addresses = *found;
                     connect_next(id, {Errc::not_found, 0, "the name has no address"});
                   });
}

void HttpCaller::State::connect_next(CallId id, const Error& last) {
  Active* a = find(id);
  if (a == nullptr) return;
  if (a->addresses.empty()) return fail(id, last);
  const StreamAddress to = a->addresses.front();
  a->addresses.erase(a->addresses.begin());
  connector.connect({.to = to, .from = {}, .timeout = options.connect_timeout},
                    [this, id](Result<std::unique_ptr<TcpStream>> done) {
                      if (!done) return connect_next(id, done.error());
                      on_connected(id, std::move(*done));
                    });
}

void HttpCaller::State::on_connected(CallId id, std::unique_ptr<TcpStream> stream) {
  Active* a = find(id);
  if (a == nullptr) return;
  std::unique_ptr<StreamFilter> filter;
  if (options.filter) {
    auto made = options.filter();
    if (!made) return fail(id, made.error());
    filter = std::move(*made);
  }
  a->link = std::make_shared<HttpLink>(std::move(stream), std::move(filter));
  a->link->start(loop, handlers_for(id));
}

HttpLink::Handlers HttpCaller::State::handlers_for(CallId id) {
  return {.on_ready = [this, id] { send(id); },
          .on_progress = [this, id] { on_progress(id); },
          .on_broken =
              [this, id](const Error& why) {
                on_broken(id, why);
              }};
}

void HttpCaller::State::attach(CallId id) {
  find(id)->link->attach(handlers_for(id));
}

void HttpCaller::State::send(CallId id) {
  Active* a = find(id);
  if (a == nullptr) return;
  const HttpCall& what = a->call.what;
  HttpResponseReader::Limits limits;
  if (!a->call.stream) limits.body_max = what.body_max;
  auto sent = a->link->send(write_request(what, host_header(options.server), true), limits,
                            what.method == "HEAD");
  if (!sent) on_broken(id, sent.error());
}

void HttpCaller::State::on_progress(CallId id) {
  const auto found = active.find(id);
  if (found == active.end()) return;
  const auto a = found->second;  // a handler may cancel
  HttpResponseReader& reader = *a->link->reader();
  const HttpResponse* head = reader.head();
  if (head == nullptr) return;
  if (a->call.stream) return on_stream_bytes(id, a);
  if (!reader.complete()) return;
  HttpResponse response = *head;
  response.body = reader.take_body();
  finish(id);
  if (a->handlers.on_response) a->handlers.on_response(std::move(response));
}

void HttpCaller::State::on_stream_bytes(CallId id, const std::shared_ptr<Active>& a) {
  const auto self = shared_from_this();
  const auto link = a->link;
  if (!a->opened) {
    a->opened = true;
    if (a->handlers.on_open) a->handlers.on_open(*link->reader()->head());
    if (gone || find(id) == nullptr) return;
  }
  if (a->call.what.timeout) a->timer.arm(loop.now() + *a->call.what.timeout);
  const std::string bytes = link->reader()->take_body();
  if (!bytes.empty() && a->handlers.on_bytes) a->handlers.on_bytes(bytes);
  if (gone || find(id) == nullptr || !link->reader()->complete()) return;
  finish(id);
  if (a->handlers.on_end) a->handlers.on_end();
}

void HttpCaller::State::on_broken(CallId id, const Error& why) {
  Active* a = find(id);
  if (a == nullptr) return;
  const bool stale = a->reused && !a->link->answered() && repeatable(a->call.what.method);
  if (!stale) return fail(id, why);
  // The server had closed it while it was kept; so it has perhaps the others.
  a->reused = false;
  a->link->close();
  a->link.reset();
  connect(id);
}

// The response is complete: the connection may serve another.
void HttpCaller::State::finish(CallId id) {
  const auto node = active.extract(id);
  const auto& a = node.mapped();
  a->timer.arm(std::nullopt);
  if (a->link->reader()->reusable() && kept.size() < options.kept_max) {
    keep(a->link);
  } else {
    a->link->close();
  }
}

void HttpCaller::State::fail(CallId id, const Error& why) {
  const auto node = active.extract(id);
  if (node.empty()) return;
  const auto& a = node.mapped();
  a->timer.arm(std::nullopt);
  const std::string detail = a->link ? a->link->detail() : std::string();
  if (a->link) a->link->close();
  if (a->handlers.on_failure) {
    a->handlers.on_failure({.error = why, .subject = host_header(options.server), .hint = detail});
  }
}

void HttpCaller::State::keep(const std::shared_ptr<HttpLink>& link) {
  const auto drop = [this, raw = link.get()] {
    raw->close();
    kept.remove_if([&](const Kept& k) { return k.link.get() == raw; });
  };
  link->attach({.on_ready = [] {},
                .on_progress = drop,  // what comes unasked is nothing good
                .on_broken =
                    [drop](const Error&) {
                      drop();
                    }});
  kept.push_back({.link = link, .until = loop.now() + options.keep_alive});
  keeper.arm(kept.front().until);
}

void HttpCaller::State::drop_old() {
  while (!kept.empty() && kept.front().until <= loop.now()) {
    kept.front().link->close();
    kept.pop_front();
  }
  if (!kept.empty()) keeper.arm(kept.front().until);
}

HttpCaller::HttpCaller(EventLoop& loop, HttpCallerOptions options)
    : state_(std::make_shared<State>(loop, std::move(options))) {}

HttpCaller::~HttpCaller() {
  state_->gone = true;
  for (const auto& [id, a] : state_->active) {
    a->timer.arm(std::nullopt);
    if (a->link) a->link->close();
  }
  state_->active.clear();
  for (const auto& k : state_->kept)
    k.link->close();
  state_->kept.clear();
  state_->keeper.arm(std::nullopt);
}

HttpCaller::CallId HttpCaller::start(Call call, Handlers handlers) {
  const CallId id = ++state_->last_id;
  auto a = std::make_shared<State::Active>(state_->loop, [state = std::weak_ptr(state_), id] {
    const auto living = state.lock();
    if (living && !living->gone) {
      living->fail(id, {Errc::system, ETIMEDOUT, "no answer in time"});
    }
  });
  a->call = std::move(call);
  a->handlers = std::move(handlers);
  if (a->call.what.timeout) a->timer.arm(state_->loop.now() + *a->call.what.timeout);
  state_->active.emplace(id, std::move(a));
  state_->loop.post([state = std::weak_ptr(state_), id] {
    const auto living = state.lock();
    if (living && !living->gone) living->begin(id);
  });
  return id;
}

void HttpCaller::cancel(CallId id) {
  const auto node = state_->active.extract(id);
  if (node.empty()) return;
  node.mapped()->timer.arm(std::nullopt);
  if (node.mapped()->link) node.mapped()->link->close();
}

std::size_t HttpCaller::calls() const {
  return state_->active.size();
}
std::size_t HttpCaller::kept() const {
  return state_->kept.size();
}

}  // namespace weft::io
