// SPDX-License-Identifier: Apache-2.0
// Server and client against each other, and the server against rude clients.
#include <atomic>
#include <cerrno>
#include <fstream>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io_test.h"
#include "router/io/http_client.h"
#include "router/io/http_server.h"

using namespace weft;
using namespace weft::io;
using std::chrono::milliseconds;

namespace {

using ExchangePtr = std::shared_ptr<HttpExchange>;

std::string socket_path(const char* name) {
  return "/tmp/wf-u" + std::to_string(::getpid()) + name + ".sock";
}

HttpAddress at_any_port() {
  return {kAnyPort};
}

// Replies with what it was asked.
void echo(const ExchangePtr& exchange) {
  const HttpRequest& r = exchange->request();
  std::string text = r.method + " " + r.path + (r.local ? " local" : " remote") + "\n";
  for (const auto& [name, value] : r.parameters)
    text += name + "=" + value + "\n";
  exchange->reply({.body = text + r.body, .headers = {{"X-Echo", "yes"}}});
}

// Fetches in a thread of its own while the loop runs.
Result<HttpResponse> fetch_while_running(EventLoop& loop, const HttpAddress& at,
                                         const HttpCall& call) {
  std::optional<Result<HttpResponse>> response;
  std::atomic<bool> done = false;
  std::thread client([&] {
    response = fetch(at, call);
    done = true;
  });
  run_until(loop, [&] { return done.load(); });
  client.join();
  return *response;
}

// A client of bare bytes.
class RawClient {
 public:
  explicit RawClient(const HttpAddress& at)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const Endpoint to = std::get<Endpoint>(at.where);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(to.port);
    address.sin_addr.s_addr = htonl(to.ip.value);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { close(); }

  bool connected() const { return connected_; }
  void send(std::string_view text) {
    static_cast<void>(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL));
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  // All that came so far; notes the end.
  const std::string& received() {
    char buffer[4096];
    ssize_t n = 0;
    while ((n = ::recv(fd_, buffer, sizeof buffer, 0)) > 0) {
      received_.append(buffer, static_cast<std::size_t>(n));
    }
    if (n == 0 || (n < 0 && errno != EAGAIN)) ended_ = true;
    return received_;
  }
  bool ended() {
    received();
    return ended_;
  }

 private:
  int fd_;
  bool connected_ = false;
  bool ended_ = false;
  std::string received_;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("http: exchange: method, path, query, form and body arrive, and the reply comes back") {
  EventLoop loop;
  auto server = HttpServer::listen(loop, at_any_port(), echo).value();
  auto got = fetch_while_running(loop, server->address(), {.target = "/status/ipam?x=a%20b"});
  REQUIRE(got);
  CHECK(got->status == 200);
  CHECK(got->body == "GET /status/ipam local\nx=a b\n");
  CHECK(got->headers["x-echo"] == "yes");
  got = fetch_while_running(
      loop, server->address(),
      {.method = "POST", .target = "/connect?y=2", .form = {{"peer", "a&b"}, {"peer", "c"}}});
  CHECK(got->body == "POST /connect local\npeer=a&b\npeer=c\ny=2\npeer=a%26b&peer=c");
  got = fetch_while_running(loop, server->address(), {.method = "DELETE", .target = "/peer/x"});
  CHECK(got->body == "DELETE /peer/x local\n");
  got = fetch_while_running(loop, server->address(), {.method = "HEAD", .target = "/"});
  CHECK(got->status == 200);
  CHECK(got->body.empty());
  CHECK(server->counters().requests == 4);
}

TEST_CASE("http: unix socket: only its owner may use it, and it goes with the server") {
  EventLoop loop;
  const std::string path = socket_path("a");
  const auto at = HttpAddress::parse(path).value();
  {
    auto server = HttpServer::listen(loop, at, echo).value();
    struct stat there {};
    REQUIRE(::stat(path.c_str(), &there) == 0);
    CHECK((there.st_mode & 0777) == 0600);
    const auto got = fetch_while_running(loop, at, {.target = "/x"});
    CHECK(got.value().body == "GET /x local\n");
    CHECK(HttpServer::listen(loop, at, echo).error().sys_errno == EADDRINUSE);
    CHECK(fetch_while_running(loop, at, {.target = "/x"}));
  }
  CHECK(::access(path.c_str(), F_OK) != 0);
}

TEST_CASE("http: unix socket: a stale one is replaced, another file is left alone") {
  EventLoop loop;
  const std::string path = socket_path("b");
  const auto at = HttpAddress::parse(path).value();
  {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::close(fd);
  }
  CHECK(HttpServer::listen(loop, at, echo));
  std::ofstream(path) << "precious";
  CHECK(HttpServer::listen(loop, at, echo).error().code == Errc::conflict);
  CHECK(::unlink(path.c_str()) == 0);
}

TEST_CASE("http: client: nobody there, silence and nonsense are told apart") {
  EventLoop loop;
  const auto nobody = HttpServer::listen(loop, at_any_port(), echo).value()->address();
  CHECK(fetch(nobody, {}).error().code == Errc::refused);
  CHECK(fetch(HttpAddress::parse("/tmp/wf-no-such.sock").value(), {}).error().code ==
        Errc::refused);
  std::vector<ExchangePtr> kept;
  auto silent = HttpServer::listen(loop, at_any_port(), [&](const ExchangePtr& exchange) {
                  kept.push_back(exchange);
                }).value();
  const auto late = fetch_while_running(loop, silent->address(), {.timeout = milliseconds(50)});
  CHECK(late.error().code == Errc::system);
  CHECK(late.error().sys_errno == ETIMEDOUT);
  auto huge = HttpServer::listen(loop, at_any_port(), [](const ExchangePtr& exchange) {
                exchange->reply({.body = std::string(5000, 'x'), .headers = {}});
              }).value();
  CHECK(fetch_while_running(loop, huge->address(), {.body_max = 4999}).error().code ==
        Errc::too_large);
  CHECK(fetch_while_running(loop, huge->address(), {.body_max = 5000}).value().body.size() == 5000);
}

TEST_CASE("http: reply: later is fine, once counts, and a dropped exchange says 500") {
  EventLoop loop;
  std::vector<std::unique_ptr<Timer>> timers;
  auto server = HttpServer::listen(loop, at_any_port(), [&](const ExchangePtr& exchange) {
                  if (exchange->request().path == "/drop") return;
                  timers.push_back(std::make_unique<Timer>(loop, [exchange] {
                    exchange->reply({.status = 404, .body = "first", .headers = {}});
                    exchange->reply({.status = 200, .body = "second", .headers = {}});
                  }));
                  timers.back()->arm(loop.now() + milliseconds(10));
                }).value();
  const auto later = fetch_while_running(loop, server->address(), {.target = "/later"});
  CHECK(later.value().status == 404);
  CHECK(later.value().body == "first");
  CHECK(fetch_while_running(loop, server->address(), {.target = "/drop"}).value().status == 500);
}

TEST_CASE("http: abort: the handler is told when the client goes away before the reply") {
  EventLoop loop;
  int aborted = 0;
  std::vector<ExchangePtr> kept;
  auto server = HttpServer::listen(loop, at_any_port(), [&](const ExchangePtr& exchange) {
                  kept.push_back(exchange);
                  exchange->on_abort([&] { ++aborted; });
                }).value();
  RawClient client(server->address());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(run_until(loop, [&] { return kept.size() == 1; }));
  client.close();
  CHECK(run_until(loop, [&] { return aborted == 1; }));
  kept.front()->reply({.body = "too late", .headers = {}});
  CHECK(run_until(loop, [&] { return server->connections() == 0; }));
  // An answered request is not aborted by its client's leaving.
  RawClient second(server->address());
  second.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(run_until(loop, [&] { return kept.size() == 2; }));
  kept.back()->reply({.body = "in time", .headers = {}});
  CHECK(run_until(loop, [&] { return second.ended(); }));
  CHECK(has(second.received(), "in time"));
  CHECK(aborted == 1);
}

TEST_CASE("http: keep-alive: several requests over one connection, pipelined ones too") {
  EventLoop loop;
  auto server = HttpServer::listen(loop, at_any_port(), echo).value();
  RawClient client(server->address());
  client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(run_until(loop, [&] { return has(client.received(), "GET /2 local"); }));
  CHECK(has(client.received(), "GET /1 local"));
  client.send("GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(run_until(loop, [&] { return client.ended(); }));
  CHECK(has(client.received(), "GET /3 local"));
  CHECK(server->counters().accepted == 1);
}

TEST_CASE("http: continue: a client that asks before it sends its body is answered") {
  EventLoop loop;
  auto server = HttpServer::listen(loop, at_any_port(), echo).value();
  RawClient client(server->address());
  client.send("POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  CHECK(run_until(loop, [&] { return has(client.received(), "100 Continue"); }));
  client.send("body");
  CHECK(run_until(loop, [&] { return has(client.received(), "POST /x local\nbody"); }));
}

TEST_CASE(
    "http: chunks: a body comes whole, however its bytes are cut, and the next request after it") {
  EventLoop loop;
  auto server = HttpServer::listen(loop, at_any_port(), echo).value();
  for (const std::string& chunks :
       {std::string("5\r\nhello\r\n0\r\n\r\n"), std::string("0\r\nTrailer: x\r\n\r\n"),
        std::string("0\r\n\r\n")}) {
    CAPTURE(chunks);
    RawClient client(server->address());
    client.send("POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const char byte : chunks) {
      client.send(std::string_view(&byte, 1));
      loop.run_for(milliseconds(2));
    }
    CHECK(run_until(loop, [&] { return has(client.received(), "POST /1 local\n"); }));
    CHECK(has(client.received(), "hello") == has(chunks, "hello"));
    client.send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(run_until(loop, [&] { return has(client.received(), "GET /2 local"); }));
  }
}

TEST_CASE("http: limits: huge, malformed and foreign input gets a 4xx and the door") {
  EventLoop loop;
  auto server = HttpServer::listen(loop, at_any_port(), echo).value();
  struct Case {
    std::string input;
    std::string_view status;
  };
  const std::vector<Case> cases{
      {"GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", "431"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + std::string(90'000, 'b'),
       "413"},
      {std::string("\x01\x02\x03garbage\r\n\r\n"), "400"},
      {"GET /% HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"GET http://elsewhere/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
       "Content-Length: 3\r\n\r\na=%",
       "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " +
           std::string(90'000, 'x'),
       "431"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.status);
    RawClient client(server->address());
    client.send(c.input);
    CHECK(run_until(loop, [&] { return has(client.received(), "\r\n\r\n"); }));
    CHECK(has(client.received().substr(0, 20), c.status));
    client.close();
  }
  CHECK(server->counters().malformed == cases.size());
  CHECK(server->counters().requests == 0);
  CHECK(run_until(loop, [&] { return server->connections() == 0; }));
}

TEST_CASE("http: patience: a request that does not come to its end is cut off") {
  EventLoop loop;
  auto server =
      HttpServer::listen(loop, at_any_port(), echo, {.idle_timeout = milliseconds(30)}).value();
  RawClient silent(server->address());
  RawClient half(server->address());
  half.send("GET / HTTP/1.1\r\nHos");
  CHECK(run_until(loop, [&] { return silent.ended() && half.ended(); }));
  CHECK(server->connections() == 0);
}

TEST_CASE("http: crowd: a thousand half-open connections do not keep a client out") {
  EventLoop loop;
  auto server = HttpServer::listen(loop, at_any_port(), echo).value();
  std::vector<std::unique_ptr<RawClient>> crowd;
  for (int i = 0; i < 1000; ++i) {
    crowd.push_back(std::make_unique<RawClient>(server->address()));
    if (i % 2 == 0) crowd.back()->send("GET / HT");
    if (i % 100 == 0) loop.run_for(milliseconds(1));
  }
  const auto got = fetch_while_running(loop, server->address(), {.target = "/hello"});
  REQUIRE(got);
  CHECK(got->body == "GET /hello local\n");
  CHECK(server->connections() <= HttpLimits{}.connections_max + 1);
  CHECK(server->counters().evicted > 0);
}

TEST_CASE("http: crowd: requests that wait for their reply do not keep others out") {
  EventLoop loop;
  std::vector<ExchangePtr> kept;
  auto server = HttpServer::listen(loop, at_any_port(),
                                   [&](const ExchangePtr& exchange) {
                                     if (exchange->request().path == "/wait") {
                                       kept.push_back(exchange);
                                     } else {
                                       echo(exchange);
                                     }
                                   },
                                   {.connections_max = 4})
                    .value();
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (std::size_t i = 0; i < 100; ++i) {
    waiting.push_back(std::make_unique<RawClient>(server->address()));
    waiting.back()->send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    REQUIRE(run_until(loop, [&] { return kept.size() == i + 1; }));
  }
  CHECK(fetch_while_running(loop, server->address(), {.target = "/x"}).value().status == 200);
  CHECK(server->counters().evicted == 0);
  for (const auto& exchange : kept)
    exchange->reply({.body = "done", .headers = {}});
  for (const auto& client : waiting) {
    CHECK(run_until(loop, [&] { return has(client->received(), "done"); }));
  }
}

TEST_CASE("http: server: destroyed while requests wait, it hurts nobody") {
  EventLoop loop;
  std::vector<ExchangePtr> kept;
  auto server = HttpServer::listen(loop, at_any_port(), [&](const ExchangePtr& exchange) {
                  kept.push_back(exchange);
                  exchange->on_abort([] { FAIL("not called by destruction"); });
                }).value();
  RawClient client(server->address());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(run_until(loop, [&] { return kept.size() == 1; }));
  server.reset();
  CHECK(run_until(loop, [&] { return client.ended(); }));
  kept.front()->reply({.body = "too late", .headers = {}});
  loop.run_for(milliseconds(5));
}
