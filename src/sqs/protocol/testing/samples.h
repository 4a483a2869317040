// A legal request of any action, made from its declaration, in both protocols.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sqs/protocol/shape.h"

namespace polymq::sqs::testing {

/// Names and values before percent-encoding.
using FormFields = std::vector<std::pair<std::string, std::string>>;

std::int64_t sample_number(const Field& field);
boost::json::value sample_value(const Field& field);
boost::json::object sample_object(const Structure& structure);

/// The parameters of one member; `prefix` is that of the entry it belongs to.
void add_sample(FormFields& form, const Field& field, const std::string& prefix);
FormFields sample_form(const Structure& structure);

std::string percent_encoded(std::string_view text);
std::string encoded(const FormFields& form);

}  // namespace polymq::sqs::testing
