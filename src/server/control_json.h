// JSON as the commands over the control socket have it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace polymq::server {

/// On one line. What is not UTF-8 is shown as what it is not.
inline std::string to_text(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// Why an argument cannot be used. The library throws: it knows no other way.
inline auto not_understood(const nlohmann::ordered_json::exception& wrong) {
  return fail(std::string("this is not understood: ") + wrong.what());
}

}  // namespace polymq::server
