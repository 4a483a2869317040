// Arbitrary bytes as basic properties: the scan, the full parse and the copies agree.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "amqp091/properties.h"
#include "check.h"

using namespace polymq;
using namespace polymq::amqp091;

namespace {

void check_copies(std::string_view bytes, const Properties& parsed) {
  Properties unchanged;
  const std::string copy = with_changes(bytes, {});
  FUZZ_CHECK(parse(copy, unchanged) == PropertiesStatus::kOk);
  FUZZ_CHECK(unchanged == parsed);
  const std::string changed =
      with_changes(bytes, {.headers = FieldTable{}, .drop_expiration = true, .reply_to = "r"});
  Properties after;
  FUZZ_CHECK(parse(changed, after) == PropertiesStatus::kOk);
  FUZZ_CHECK(!after.headers && !after.expiration && after.reply_to == "r");
  FUZZ_CHECK(after.message_id == parsed.message_id && after.timestamp == parsed.timestamp);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Properties parsed;
  HotProperties hot;
  const PropertiesStatus status = parse(bytes, parsed);
  FUZZ_CHECK(scan(bytes, hot) == status);
  if (status != PropertiesStatus::kOk) return 0;
  FUZZ_CHECK(hot.delivery_mode == parsed.delivery_mode.value_or(0));
  FUZZ_CHECK(hot.expiration == parsed.expiration.value_or(""));
  FUZZ_CHECK(HotProperties::present(hot.reply_to) == parsed.reply_to.has_value());
  FUZZ_CHECK(correlation_id(bytes) == parsed.correlation_id);
  FUZZ_CHECK(timestamp(bytes) == parsed.timestamp);
  check_copies(bytes, parsed);
  return 0;
}
