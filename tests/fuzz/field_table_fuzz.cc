// Arbitrary bytes as a field table: checking, decoding and looking up agree with each other.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "amqp091/field_table.h"
#include "check.h"

using namespace polymq;
using namespace polymq::amqp091;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view table(reinterpret_cast<const char*>(data), size);
  const auto checked = check_table(table);
  const auto decoded = decode_table(table);
  FUZZ_CHECK(checked.has_value() == decoded.has_value());
  if (!decoded) {
    FUZZ_CHECK(checked.error() == decoded.error());
    engine::Value value;
    (void)find_field(table, "absent", value);
    return 0;
  }
  // Compared as bytes, because a NaN does not equal itself.
  const std::string encoded = encode_table(*decoded);
  const auto again = decode_table(encoded);
  FUZZ_CHECK(again.has_value());
  FUZZ_CHECK(encode_table(*again) == encoded);
  for (const engine::Field& field : *decoded) {
    engine::Value value;
    FUZZ_CHECK(find_field(table, field.name, value));
  }
  return 0;
}
