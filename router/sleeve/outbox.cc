// SPDX-License-Identifier: Apache-2.0
#include "router/sleeve/outbox.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "router/packet/headers.h"

namespace weft::sleeve {

Outbox::Outbox(PeerName us, std::optional<crypto::FrameBox> box) : us_(us), box_(std::move(box)) {}

void Outbox::set_remote(Endpoint remote, Effects& out) {
  flush(out);
  remote_ = remote;
}

void Outbox::set_max_payload(std::size_t size, Effects& out) {
  if (size == max_payload_) return;
  flush(out);
  max_payload_ = size;
}

std::optional<ByteSpan> Outbox::add(Path path, const Names& names, std::size_t size, Effects& out) {
  const std::size_t needed = kFrameHeaderSize + size;
  Stream& s = stream(path);
  if (s.frames > 0 && (s.frames == kFramesPerDatagramMax || s.size + needed > s.capacity)) {
    close(path, out);
  }
  if (s.frames == 0 && !begin(path, needed, out)) return std::nullopt;
  ByteSpan at = out.arena.at(s.offset + s.size, needed);
  write_frame_header(at, names.source, names.destination, size);
  s.size += needed;
  ++s.frames;
  return at.subspan(kFrameHeaderSize);
}

bool Outbox::begin(Path path, std::size_t first_frame, Effects& out) {
  const std::size_t first = overhead() + first_frame;
  if (first > (path == Path::df ? max_payload_ : kUdpPayloadMax)) return false;
  Stream& s = stream(path);
  s.size = overhead();
  const std::size_t shared = max_payload_ == kUdpPayloadMax ? kAggregateUnknown : kAggregateMax;
  s.capacity = std::max(first, std::min(max_payload_, shared));
  s.offset = out.arena.reserve(s.capacity);
  packet::store_u48(out.arena.at(s.offset, kSenderSize), us_.value());
  return true;
}

void Outbox::close(Path path, Effects& out) {
  Stream& s = stream(path);
  if (s.frames == 0) return;
  const bool df = path == Path::df;
  if (box_) {
    ensure(s.next_sequence < kDfBit, "sleeve: sequence numbers are used up");
    const std::uint64_t sequence = s.next_sequence++ | (df ? kDfBit : 0);
    store_u64(out.arena.at(s.offset + kSenderSize, kSequenceSize), sequence);
    constexpr std::size_t kBoxAt = kSenderSize + kSequenceSize;
    box_->seal(sequence, out.arena.at(s.offset + kBoxAt, s.size - kBoxAt));
  }
  out.arena.trim(s.offset + s.capacity, s.offset + s.size);
  out.datagrams.push_back({.to = *remote_, .df = df, .offset = s.offset, .size = s.size});
  s.frames = 0;
}

void Outbox::flush(Effects& out) {
  close(Path::df, out);
  close(Path::non_df, out);
}

void Outbox::discard() {
  for (Stream& s : streams_)
    s.frames = 0;
}

}  // namespace weft::sleeve
