// Arbitrary forms as any action of SQS: what was read is legal JSON and the same request there.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.h"
#include "sqs/protocol/actions.h"
#include "sqs/protocol/reader.h"
#include "sqs/protocol/value_writer.h"
#include "sqs/text.h"

using namespace polymq;
using namespace polymq::sqs;

namespace {

std::string written(const Structure& structure, const void* request) {
  Buffer out;
  write_json(out, structure, request, JsonNames::kMembers);
  return std::string(out.view());
}

/// Through JSON once more.
std::string again(const Structure& structure, const std::string& text) {
  Arena arena;
  void* const request = structure.create(arena, 1);
  FUZZ_CHECK(read_json(text, structure, request, arena).has_value());
  return written(structure, request);
}

}  // namespace

/// The first octet chooses the action.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ActionInfo& action = all_actions()[data[0] % all_actions().size()];
  const Structure& structure = *action.request;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Arena arena;
  const auto form = parse_form(text, arena);
  if (!form) return 0;
  for (const Parameter& parameter : *form) {
    FUZZ_CHECK(!parameter.name.empty());
    FUZZ_CHECK(is_utf8(parameter.name) && is_utf8(parameter.value));
  }
  void* const request = structure.create(arena, 1);
  if (!read_form(*form, structure, request, arena)) return 0;
  (void)check_required(structure, request, true);
  (void)check_ranges(structure, request);
  // A form may say a name twice, an object keeps one of them.
  const std::string once = again(structure, written(structure, request));
  FUZZ_CHECK(again(structure, once) == once);
  return 0;
}
