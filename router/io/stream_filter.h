// SPDX-License-Identifier: Apache-2.0
// What may stand between a protocol and its connection, and changes every byte: TLS. Sans-IO.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace weft::io {

class StreamFilter {
 public:
  StreamFilter() = default;
  StreamFilter(const StreamFilter&) = delete;
  StreamFilter& operator=(const StreamFilter&) = delete;
  virtual ~StreamFilter() = default;

  // Appends to `wire` the bytes with which the conversation begins.
  virtual Result<> begin(Bytes& wire) = 0;
  // Bytes from the connection: what they mean is appended to `plain`, what must be answered to
  // `wire` — also when it fails, for the other side to learn why.
  virtual Result<> receive(ByteView in, Bytes& plain, Bytes& wire) = 0;
  // Only when ready.
  virtual Result<> send(ByteView plain, Bytes& wire) = 0;
  virtual bool ready() const = 0;
  // More than an Error can say of what went wrong, for people; may be empty.
  virtual std::string detail() const = 0;
};

}  // namespace weft::io
