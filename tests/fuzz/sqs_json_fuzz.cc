// Arbitrary JSON as any action of SQS: what was read is written and read again as the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.h"
#include "sqs/protocol/actions.h"
#include "sqs/protocol/reader.h"
#include "sqs/protocol/value_writer.h"

using namespace polymq;
using namespace polymq::sqs;

namespace {

std::string written(const Structure& structure, const void* request) {
  Buffer out;
  write_json(out, structure, request, JsonNames::kMembers);
  return std::string(out.view());
}

}  // namespace

/// The first octet chooses the action.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ActionInfo& action = all_actions()[data[0] % all_actions().size()];
  const Structure& structure = *action.request;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  Arena arena;
  void* const request = structure.create(arena, 1);
  if (!read_json(body, structure, request, arena)) return 0;
  (void)check_required(structure, request, false);
  (void)check_ranges(structure, request);
  const std::string once = written(structure, request);
  void* const again = structure.create(arena, 1);
  FUZZ_CHECK(read_json(once, structure, again, arena).has_value());
  FUZZ_CHECK(written(structure, again) == once);
  Buffer xml;
  write_xml(xml, structure, request);
  FUZZ_CHECK(xml.view().find('\r') == std::string_view::npos);
  return 0;
}
