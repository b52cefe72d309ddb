// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/internal/train_builder.h"

#include <algorithm>

#include "router/swift/core/wire.h"

namespace weft::swift {

bool TrainBuilder::fits(std::size_t size, const Train& train) const {
  return size <= train.segment_size && size <= room_.size() && train.segments < Train::kSegmentsMax;
}

ByteSpan TrainBuilder::slot(std::size_t size, const Train& model, Output& out) {
  if (open_ && !fits(size, out.trains[train_])) close(out);
  if (!open_) start(size, model, out);
  Train& train = out.trains[train_];
  const ByteSpan taken = room_.first(size);
  room_ = room_.subspan(size);
  train.bytes = ByteView(train.bytes.data(), train.bytes.size() + size);
  ++train.segments;
  if (size < train.segment_size) close(out);
  return taken;
}

void TrainBuilder::start(std::size_t size, const Train& model, Output& out) {
  const std::size_t segments = std::min(Train::kSegmentsMax, kDatagramMax / size);
  room_ = out.arena.take(segments * size);
  train_ = out.trains.size();
  open_ = true;
  Train& train = out.trains.emplace_back(model);
  train.bytes = ByteView(room_.data(), 0);
  train.segment_size = static_cast<std::uint16_t>(size);
  train.segments = 0;
}

void TrainBuilder::close(Output& out) {
  if (!open_) return;
  out.arena.give_back(room_);
  room_ = {};
  open_ = false;
}

}  // namespace weft::swift
