// SPDX-License-Identifier: Apache-2.0
// One connection of an HTTP caller: the stream, what it speaks through, and one response at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "router/io/http_message.h"
#include "router/io/stream_filter.h"
#include "router/io/tcp.h"

namespace weft::io {

class HttpLink : public std::enable_shared_from_this<HttpLink> {
 public:
  // Each may close the link.
  struct Handlers {
    std::function<void()> on_ready;     // a request may be sent
    std::function<void()> on_progress;  // look at the reader
    std::function<void(const Error&)> on_broken;
  };

  // `filter` may be null.
  HttpLink(std::unique_ptr<TcpStream> stream, std::unique_ptr<StreamFilter> filter)
      : stream_(std::move(stream)), filter_(std::move(filter)) {}

  // `on_ready` comes later, never from inside.
  void start(EventLoop& loop, Handlers handlers);
  void attach(Handlers handlers) { handlers_ = std::move(handlers); }
  Result<> send(const std::string& request, const HttpResponseReader::Limits& limits, bool head);
  void close();

  HttpResponseReader* reader() { return reader_.get(); }
  // Has the other side said anything to the last request?
  bool answered() const { return answered_; }
  std::string detail() const { return filter_ ? filter_->detail() : std::string(); }

 private:
  void on_data(ByteView bytes);
  void on_plain(ByteView plain);
  void on_closed(const Error& why);
  void write(ByteView wire);
  void become_ready();
  void broken(const Error& why);

  std::unique_ptr<TcpStream> stream_;
  std::unique_ptr<StreamFilter> filter_;
  std::unique_ptr<HttpResponseReader> reader_;
  Handlers handlers_;
  bool ready_ = false;
  bool answered_ = false;
  bool closed_ = false;
};

}  // namespace weft::io
