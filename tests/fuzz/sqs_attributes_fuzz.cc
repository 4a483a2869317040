// Arbitrary message attributes: their digest is that of the bytes its specification lists.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "check.h"
#include "sqs/digests.h"
#include "sqs/message_checks.h"

using namespace polymq;
using namespace polymq::sqs;

namespace {

/// Name, type, whether the value is binary, value: each text with two octets of length.
std::vector<MessageAttribute> attributes_from(std::string_view bytes) {
  std::vector<MessageAttribute> attributes;
  ByteReader in(bytes);
  while (in.left() != 0 && attributes.size() < 40) {
    MessageAttribute attribute;
    attribute.name = in.bytes(in.u16());
    attribute.data_type = in.bytes(in.u16());
    const bool is_binary = (in.u8() & 1) != 0;
    const std::string_view value = in.bytes(in.u16());
    if (!in.ok()) break;
    (is_binary ? attribute.binary_value : attribute.string_value) = value;
    attributes.push_back(attribute);
  }
  return attributes;
}

std::string listed(std::vector<MessageAttribute> attributes) {
  std::sort(attributes.begin(), attributes.end(),
            [](const MessageAttribute& a, const MessageAttribute& b) { return a.name < b.name; });
  Buffer out;
  for (const MessageAttribute& attribute : attributes) {
    out.long_string(attribute.name);
    out.long_string(attribute.data_type);
    out.u8(attribute.binary_value ? 2 : 1);
    out.long_string(attribute.binary_value ? *attribute.binary_value : *attribute.string_value);
  }
  return std::string(out.view());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Digests digests;
  const auto attributes = attributes_from({reinterpret_cast<const char*>(data), size});
  const auto checked = check_message_attributes(attributes);
  (void)check_message_system_attributes(attributes);
  if (checked) {
    FUZZ_CHECK(attributes.size() <= kMostMessageAttributes);
    FUZZ_CHECK(counted_size("", attributes) >= static_cast<std::int64_t>(attributes.size()) * 8);
  }
  std::vector<std::string_view> names;
  for (const MessageAttribute& attribute : attributes) names.push_back(attribute.name);
  std::sort(names.begin(), names.end());
  if (std::adjacent_find(names.begin(), names.end()) != names.end()) return 0;
  FUZZ_CHECK(digests.md5_of_attributes(attributes) == digests.md5(listed(attributes)));
  return 0;
}
