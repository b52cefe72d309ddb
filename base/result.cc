// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cstring>

#include "base/ensure.h"

namespace weft {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::truncated:
      return "truncated";
    case Errc::trailing:
      return "trailing bytes";
    case Errc::bad_value:
      return "bad value";
    case Errc::too_large:
      return "too large";
    case Errc::unsupported:
      return "unsupported";
    case Errc::refused:
      return "refused";
    case Errc::not_found:
      return "not found";
    case Errc::conflict:
      return "conflict";
    case Errc::system:
      return "system error";
  }
  return "unknown error";
}

std::string to_string(const Error& error) {
  std::string text(error.what.empty() ? to_string(error.code) : error.what);
  if (error.sys_errno != 0) {
    text += ": ";
    text += std::strerror(error.sys_errno);
  }
  return text;
}

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  ensure_failed(to_string(error).c_str(), where.file_name(), static_cast<int>(where.line()));
}

std::string Failure::text() const {
  std::string text = subject.empty() ? to_string(error) : subject + ": " + to_string(error);
  if (!hint.empty()) text += " (" + hint + ")";
  return text;
}

}  // namespace weft
