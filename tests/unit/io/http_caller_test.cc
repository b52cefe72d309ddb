// SPDX-License-Identifier: Apache-2.0
// The caller against our own server, and against servers that are rude.
#include "router/io/http_caller.h"

#include <cerrno>

#include <doctest/doctest.h>
#include <unistd.h>

#include "io_test.h"
#include "router/io/http_server.h"
#include "router/io/tcp.h"

using namespace weft;
using namespace weft::io;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// What came of one call.
struct Outcome {
  std::optional<HttpResponse> response;
  std::optional<unsigned> opened;
  std::string bytes;
  bool ended = false;
  std::optional<Failure> failure;

  bool over() const { return response || ended || failure; }
  HttpCaller::Handlers handlers() {
    return {.on_response = [this](HttpResponse r) { response = std::move(r); },
            .on_open = [this](const HttpResponse& head) { opened = head.status; },
            .on_bytes = [this](std::string_view more) { bytes += more; },
            .on_end = [this] { ended = true; },
            .on_failure =
                [this](const Failure& f) {
                  failure = f;
                }};
  }
};

HttpCaller::Call get(std::string target, bool stream = false, Duration timeout = seconds(10)) {
  HttpCaller::Call call;
  call.what.target = std::move(target);
  call.what.timeout = timeout;
  call.stream = stream;
  return call;
}

HttpCallerOptions to(const HttpAddress& at) {
  if (const auto* path = std::get_if<UnixPath>(&at.where))
    return {.server = *path, .filter = nullptr};
  const Endpoint endpoint = std::get<Endpoint>(at.where);
  return {.server = HostAndPort{endpoint.ip.text(), endpoint.port}, .filter = nullptr};
}

// A server that says what it is told to, to whoever connects.
struct Rude {
  EventLoop& loop;
  std::vector<std::unique_ptr<TcpStream>> streams;
  std::size_t heard = 0;  // pieces of requests
  std::string speech;
  int hang_ups = 0;  // instead of the next answers
  std::unique_ptr<TcpListener> listener;

  explicit Rude(EventLoop& l) : loop(l) {
    listener = TcpListener::open(loop, kAnyPort, [this](std::unique_ptr<TcpStream> stream) {
                 TcpStream* raw = stream.get();
                 stream->start({.on_data = [this, raw](ByteView) { answer(*raw); },
                                .on_closed = [](Error) {},
                                .on_drained = nullptr});
                 streams.push_back(std::move(stream));
               }).value();
  }
  void answer(TcpStream& stream) {
    ++heard;
    if (hang_ups-- > 0) return stream.close();
    static_cast<void>(stream.write(as_bytes(speech)));
  }
  HttpAddress at() const { return {listener->endpoint()}; }
};

}  // namespace

TEST_CASE("http caller: a connection is kept for the next request") {
  EventLoop loop;
  auto server = HttpServer::listen(loop, {kAnyPort}, [](const auto& exchange) {
                  exchange->reply({.body = exchange->request().path});
                }).value();
  HttpCaller caller(loop, to(server->address()));
  for (const char* path : {"/a", "/b", "/c"}) {
    Outcome outcome;
    caller.start(get(path), outcome.handlers());
    REQUIRE(run_until(loop, [&] { return outcome.over(); }));
    REQUIRE(outcome.response);
    CHECK(outcome.response->body == path);
  }
  CHECK(server->counters().accepted == 1);
  CHECK(caller.kept() == 1);
}

TEST_CASE("http caller: many at once, over a unix socket") {
  EventLoop loop;
  const UnixPath path{"/tmp/wf-c" + std::to_string(::getpid()) + ".sock"};
  auto server = HttpServer::listen(loop, {path}, [](const auto& exchange) {
                  exchange->reply({.body = exchange->request().path});
                }).value();
  HttpCaller caller(loop, to({path}));
  std::vector<Outcome> outcomes(20);
  for (Outcome& outcome : outcomes)
    caller.start(get("/x"), outcome.handlers());
  REQUIRE(run_until(loop, [&] { return caller.calls() == 0; }));
  for (const Outcome& outcome : outcomes)
    CHECK(outcome.response);
  CHECK(caller.kept() == 4);
}

TEST_CASE("http caller: nobody there: refused, and later") {
  EventLoop loop;
  Endpoint nobody;
  {
    nobody = TcpListener::open(loop, kAnyPort, [](auto) {}).value()->endpoint();
  }
  HttpCaller caller(loop, to({nobody}));
  Outcome outcome;
  caller.start(get("/"), outcome.handlers());
  CHECK_FALSE(outcome.over());
  REQUIRE(run_until(loop, [&] { return outcome.over(); }));
  CHECK(outcome.failure->error.code == Errc::refused);
  CHECK(outcome.failure->subject == nobody.text());
}

TEST_CASE("http caller: a kept connection that was closed meanwhile is replaced, unseen") {
  EventLoop loop;
  Rude server(loop);
  server.speech = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  HttpCaller caller(loop, to(server.at()));
  Outcome first;
  caller.start(get("/"), first.handlers());
  REQUIRE(run_until(loop, [&] { return first.over(); }));
  // It goes away upon the next request, without an answer.
  Outcome second;
  server.hang_ups = 1;
  caller.start(get("/"), second.handlers());
  REQUIRE(run_until(loop, [&] { return second.over(); }));
  CHECK(second.response);
  CHECK(server.heard == 3);
}

TEST_CASE("http caller: a stream is handed on as it comes; an end in the middle is truncated") {
  EventLoop loop;
  Rude server(loop);
  server.speech = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
  HttpCaller caller(loop, to(server.at()));
  Outcome outcome;
  caller.start(get("/watch", true), outcome.handlers());
  REQUIRE(run_until(loop, [&] { return outcome.bytes == "abc"; }));
  CHECK(outcome.opened == 200u);
  CHECK_FALSE(outcome.over());
  server.streams.front()->close();
  REQUIRE(run_until(loop, [&] { return outcome.over(); }));
  CHECK(outcome.failure->error.code == Errc::truncated);
}

TEST_CASE("http caller: silence is a failure, before the head and in the middle of a stream") {
  EventLoop loop;
  Rude server(loop);
  HttpCaller caller(loop, to(server.at()));
  for (const char* speech :
       {"", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"}) {
    server.speech = speech;
    Outcome outcome;
    caller.start(get("/watch", true, milliseconds(50)), outcome.handlers());
    REQUIRE(run_until(loop, [&] { return outcome.over(); }));
    CHECK(outcome.failure->error.sys_errno == ETIMEDOUT);
  }
}

TEST_CASE("http caller: after cancel and destruction nothing comes") {
  EventLoop loop;
  Rude server(loop);
  Outcome outcome;
  Outcome other;
  {
    HttpCaller caller(loop, to(server.at()));
    const auto id = caller.start(get("/"), outcome.handlers());
    caller.start(get("/"), other.handlers());
    REQUIRE(run_until(loop, [&] { return server.heard == 2; }));
    caller.cancel(id);
    CHECK(caller.calls() == 1);
  }
  loop.run_for(milliseconds(20));
  CHECK_FALSE(outcome.over());
  CHECK_FALSE(other.over());
}

TEST_CASE("stream address: literals of both families, names are none") {
  CHECK(StreamAddress::literal("10.96.0.1", 443)->text() == "10.96.0.1:443");
  CHECK(StreamAddress::literal("fd00::1", 6443)->text() == "[fd00::1]:6443");
  CHECK_FALSE(StreamAddress::literal("kubernetes.default", 443));
  CHECK_FALSE(StreamAddress::literal("fe80::1%nosuchlink", 443));
  CHECK(HostAndPort{"fd00::1", 443}.text() == "[fd00::1]:443");
}
