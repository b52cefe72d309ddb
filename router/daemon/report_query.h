// SPDX-License-Identifier: Apache-2.0
// What may follow `weave report -f`: a JSON pointer, or text with Go-template fields. Templates of
// Weave's kind could run loops on our time; this subset is one walk per field.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace weft::daemon {

struct QueryAnswer {
  unsigned status = 200;  // 400: not a query we understand; 500: a field that does not exist
  std::string body;       // the value as text, or a sentence
};

// "/Router/Name", "{{.Router.Name}}", "{{json .Router}}", and text with several such fields.
QueryAnswer query_report(const nlohmann::ordered_json& report, std::string_view format);

}  // namespace weft::daemon
