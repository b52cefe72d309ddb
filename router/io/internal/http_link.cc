// SPDX-License-Identifier: Apache-2.0
#include "router/io/internal/http_link.h"

namespace weft::io {

void HttpLink::start(EventLoop& loop, Handlers handlers) {
  handlers_ = std::move(handlers);
  stream_->start({.on_data =
                      [self = weak_from_this()](ByteView bytes) {
                        if (const auto link = self.lock()) link->on_data(bytes);
                      },
                  .on_closed =
                      [self = weak_from_this()](const Error& why) {
                        if (const auto link = self.lock()) link->on_closed(why);
                      },
                  .on_drained = nullptr});
  loop.post([self = weak_from_this()] {
    const auto link = self.lock();
    if (!link || link->closed_) return;
    if (!link->filter_) return link->become_ready();
    Bytes wire;
    auto begun = link->filter_->begin(wire);
    link->write(wire);
    if (!begun) link->broken(begun.error());
  });
}

Result<> HttpLink::send(const std::string& request, const HttpResponseReader::Limits& limits,
                        bool head) {
  reader_ = std::make_unique<HttpResponseReader>(limits, head);
  answered_ = false;
  if (closed_) return Error{Errc::refused, 0, "closed by the peer"};
  if (!filter_) return stream_->write(as_bytes(request));
  Bytes wire;
  if (auto sealed = filter_->send(as_bytes(request), wire); !sealed) return sealed;
  return stream_->write(wire);
}

void HttpLink::close() {
  if (closed_) return;
  closed_ = true;
  stream_->close();
}

void HttpLink::write(ByteView wire) {
  if (wire.empty() || closed_) return;
  static_cast<void>(stream_->write(wire));
}

void HttpLink::on_data(ByteView bytes) {
  const auto self = shared_from_this();  // a handler may let go of us
  if (closed_) return;
  if (!filter_) return on_plain(bytes);
  Bytes plain;
  Bytes wire;
  auto received = filter_->receive(bytes, plain, wire);
  write(wire);
  if (!plain.empty()) on_plain(plain);
  if (closed_) return;
  if (!received) return broken(received.error());
  if (!ready_ && filter_->ready()) become_ready();
}

void HttpLink::become_ready() {
  ready_ = true;
  const auto handler = handlers_.on_ready;  // which may attach others
  handler();
}

void HttpLink::on_plain(ByteView plain) {
  if (!reader_) {
    return broken({Errc::bad_value, 0, "the server speaks without being asked"});
  }
  answered_ = true;
  auto fed = reader_->feed(plain);
  const auto handler = handlers_.on_progress;
  handler();
  if (!closed_ && !fed) broken(fed.error());
}

void HttpLink::on_closed(const Error& why) {
  const auto self = shared_from_this();
  if (closed_) return;
  const bool whole = reader_ && answered_ && reader_->feed_end();
  if (whole) {
    const auto handler = handlers_.on_progress;
    handler();
  }
  if (closed_) return;
  const bool middle = answered_ && !whole;
  broken(middle ? Error{Errc::truncated, 0,
                        "the connection was closed before the response was complete"}
                : why);
}

void HttpLink::broken(const Error& why) {
  close();
  const auto handler = handlers_.on_broken;
  handler(why);
}

}  // namespace weft::io
