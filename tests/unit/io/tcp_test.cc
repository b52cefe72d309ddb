// SPDX-License-Identifier: Apache-2.0
#include "router/io/tcp.h"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_test.h"

using namespace weft;
using namespace weft::io;

namespace {

// One end of a connection, and what it has seen.
struct End {
  std::unique_ptr<TcpStream> stream;
  Bytes received;
  int drained = 0;
  std::optional<Error> closed;

  void start() {
    stream->start({.on_data = [this](ByteView bytes) { append(received, bytes); },
                   .on_closed = [this](Error why) { closed = why; },
                   .on_drained =
                       [this] {
                         ++drained;
                       }});
  }
};

struct Pair {
  EventLoop loop;
  End dialled;
  End accepted;
  std::unique_ptr<TcpListener> listener;
  TcpConnector connector{loop};

  Pair() {
    listener = TcpListener::open(loop, kAnyPort, [this](std::unique_ptr<TcpStream> stream) {
                 accepted.stream = std::move(stream);
               }).value();
    connector.connect({.to = listener->endpoint(), .from = {}},
                      [this](auto done) { dialled.stream = std::move(done.value()); });
    REQUIRE(run_until(loop, [this] { return accepted.stream && dialled.stream; }));
  }
  void start() {
    dialled.start();
    accepted.start();
  }
};

}  // namespace

TEST_CASE("tcp: connect: both ends agree on their addresses") {
  Pair pair;
  CHECK(pair.dialled.stream->local() == pair.accepted.stream->remote());
  CHECK(pair.dialled.stream->remote() == pair.accepted.stream->local());
  CHECK(pair.dialled.stream->remote() == pair.listener->endpoint());
}

TEST_CASE("tcp: connect: from an address of choice") {
  EventLoop loop;
  std::unique_ptr<TcpStream> accepted;
  std::unique_ptr<TcpStream> dialled;
  auto listener =
      TcpListener::open(loop, kAnyPort, [&](auto stream) { accepted = std::move(stream); }).value();
  TcpConnector connector(loop);
  connector.connect({.to = listener->endpoint(), .from = {.ip = {0x7f000007}, .port = 0}},
                    [&](auto done) { dialled = std::move(done.value()); });
  REQUIRE(run_until(loop, [&] { return accepted && dialled; }));
  CHECK(accepted->remote().ip.text() == "127.0.0.7");
}

TEST_CASE("tcp: connect: a refusal and a bad source address are told with their errno, later") {
  EventLoop loop;
  Endpoint nobody;
  {
    auto listener = TcpListener::open(loop, kAnyPort, [](auto) {}).value();
    nobody = listener->endpoint();
  }
  TcpConnector connector(loop);
  std::optional<Error> refused;
  std::optional<Error> not_ours;
  connector.connect({.to = nobody, .from = {}}, [&](auto done) { refused = done.error(); });
  connector.connect({.to = nobody, .from = {.ip = *Ipv4Addr::parse("192.0.2.1"), .port = 0}},
                    [&](auto done) { not_ours = done.error(); });
  CHECK_FALSE(not_ours);
  CHECK(run_until(loop, [&] { return refused && not_ours; }));
  CHECK(refused->sys_errno == ECONNREFUSED);
  CHECK(refused->code == Errc::refused);
  CHECK(not_ours->sys_errno == EADDRNOTAVAIL);
}

TEST_CASE("tcp: connect: attempts of a destroyed connector are dropped without a callback") {
  EventLoop loop;
  auto listener = TcpListener::open(loop, kAnyPort, [](auto) {}).value();
  bool called = false;
  {
    TcpConnector connector(loop);
    connector.connect({.to = listener->endpoint(), .from = {}}, [&](auto) { called = true; });
  }
  loop.run_for(std::chrono::milliseconds(20));
  CHECK_FALSE(called);
}

TEST_CASE("tcp: listen: an address in use is a conflict") {
  EventLoop loop;
  auto listener = TcpListener::open(loop, kAnyPort, [](auto) {}).value();
  const auto second = TcpListener::open(loop, listener->endpoint(), [](auto) {});
  CHECK(second.error().sys_errno == EADDRINUSE);
  CHECK(second.error().code == Errc::conflict);
}

TEST_CASE("tcp: transfer: ten megabytes both ways at once arrive whole and in order") {
  Pair pair;
  pair.start();
  const Bytes data = pattern(10'000'000);
  REQUIRE(pair.dialled.stream->write(data));
  for (std::size_t at = 0; at < data.size(); at += 100'000) {
    REQUIRE(pair.accepted.stream->write(ByteView(data).subspan(at, 100'000)));
  }
  CHECK(pair.dialled.stream->queued() > 0);
  CHECK(run_until(pair.loop, [&] {
    return pair.dialled.received.size() == data.size() &&
           pair.accepted.received.size() == data.size() && pair.dialled.drained > 0 &&
           pair.accepted.drained > 0;
  }));
  CHECK(pair.dialled.received == data);
  CHECK(pair.accepted.received == data);
  CHECK(pair.dialled.stream->queued() == 0);
}

TEST_CASE("tcp: drained: told once after a burst of small writes, and not from inside a write") {
  Pair pair;
  pair.start();
  for (int i = 0; i < 10; ++i)
    REQUIRE(pair.dialled.stream->write(pattern(10)));
  CHECK(pair.dialled.drained == 0);
  CHECK(run_until(pair.loop, [&] { return pair.accepted.received.size() == 100; }));
  CHECK(pair.dialled.drained == 1);
}

TEST_CASE("tcp: write queue: over its bound a write is refused whole") {
  Pair pair;
  const Bytes half(kWriteQueueMax / 2);
  REQUIRE(pair.dialled.stream->write(half));
  const std::size_t before = pair.dialled.stream->queued();
  CHECK(before > 0);
  REQUIRE(pair.dialled.stream->write(half));
  const auto refused = pair.dialled.stream->write(half);
  CHECK(refused.error().code == Errc::too_large);
  CHECK(pair.dialled.stream->queued() == before + half.size());
  pair.dialled.stream->abort();
  pair.accepted.stream->abort();
}

TEST_CASE("tcp: close: what was written before arrives, then the other end sees the end") {
  Pair pair;
  pair.accepted.start();
  const Bytes data = pattern(3'000'000);
  REQUIRE(pair.dialled.stream->write(data));
  pair.dialled.stream.reset();
  CHECK(run_until(pair.loop, [&] { return pair.accepted.closed.has_value(); }));
  CHECK(pair.accepted.received == data);
  CHECK(pair.accepted.closed->code == Errc::refused);
}

TEST_CASE("tcp: abort: the other end sees a reset") {
  Pair pair;
  pair.start();
  pair.dialled.stream->abort();
  CHECK(run_until(pair.loop, [&] { return pair.accepted.closed.has_value(); }));
  CHECK(pair.accepted.closed->sys_errno == ECONNRESET);
  CHECK_FALSE(pair.dialled.closed);
  CHECK(pair.accepted.stream->write(pattern(5)));
}

TEST_CASE("tcp: callbacks: one that destroys its own stream is survived") {
  Pair pair;
  bool called = false;
  pair.accepted.stream->start({.on_data =
                                   [&](ByteView) {
                                     called = true;
                                     pair.accepted.stream.reset();
                                   },
                               .on_closed = [](Error) { FAIL("closed by ourselves"); },
                               .on_drained = {}});
  pair.dialled.start();
  REQUIRE(pair.dialled.stream->write(pattern(1'000'000)));
  CHECK(run_until(pair.loop, [&] { return called && pair.dialled.closed.has_value(); }));
}

TEST_CASE("tcp: close: a peer that never takes our bytes does not hold the connection for ever") {
  Pair pair;
  REQUIRE(pair.dialled.stream->write(Bytes(20'000'000)));
  const TimePoint start = pair.loop.now();
  pair.dialled.stream.reset();
  // Reads nothing: the stream is started only after the grace is over.
  CHECK(run_until(pair.loop, [&] { return pair.loop.now() > start + kCloseGrace; }));
  pair.loop.run_for(std::chrono::milliseconds(50));
  pair.accepted.start();
  CHECK(run_until(pair.loop, [&] { return pair.accepted.closed.has_value(); }));
  CHECK(pair.accepted.closed->sys_errno == ECONNRESET);
}

TEST_CASE("sockets: close-on-exec: no descriptor of ours leaks into child processes") {
  Pair pair;
  pair.start();
  int checked = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    std::error_code failed;
    const std::string target = std::filesystem::read_symlink(entry.path(), failed).string();
    if (failed || fd <= 2 || target.find("socket:") == std::string::npos) continue;
    CAPTURE(target);
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    ++checked;
  }
  CHECK(checked >= 3);
}
