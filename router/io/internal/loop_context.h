// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "base/result.h"

namespace weft::io {

struct LoopContext {
  boost::asio::io_context context{1};
  std::unique_ptr<boost::asio::signal_set> signals;
};

// The Error of a failed Asio call, with the errno that the kernel gave.
inline Error failure(const boost::system::error_code& ec, std::string_view what) {
  bool system = ec.category() == boost::system::system_category() ||
                ec.category() == boost::system::generic_category();
  return {.code = Errc::system, .sys_errno = system ? ec.value() : 0, .what = what};
}

}  // namespace weft::io
