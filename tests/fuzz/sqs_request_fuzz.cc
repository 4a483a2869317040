// Arbitrary HTTP requests to SQS: a call or an error that can be told in the client's protocol.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "check.h"
#include "sqs/protocol/call.h"
#include "sqs/queue_address.h"
#include "sqs/text.h"
#include "sqs_request_text.h"

using namespace polymq;
using namespace polymq::sqs;

namespace {

void tell(const Call& call, const SqsError& error) {
  Buffer out;
  const ErrorHead head = write_error(out, call.format, error, "id");
  FUZZ_CHECK(head.status >= 400 && head.status < 500);
  FUZZ_CHECK(!out.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<HeaderView> headers;
  const RequestView request = parse_request_text(text, headers);
  const std::string base = base_url(request, false, "", true);
  FUZZ_CHECK(base.starts_with("http") && base.find_first_of("<>\"& \r\n") == std::string::npos);

  Arena arena;
  Call call;
  if (const auto read = read_call(request, arena, call); !read) {
    tell(call, read.error());
    return 0;
  }
  void* const members = call.action->request->create(arena, 1);
  if (const auto read = read_members(call, members, arena); !read) {
    tell(call, read.error());
    return 0;
  }
  if (!call.action->needs_queue()) return 0;
  const auto url = call.action->request->fields.front().in<std::string_view>(members);
  if (const auto queue = parse_queue_url(url)) {
    FUZZ_CHECK(!queue->name.empty());
    FUZZ_CHECK(queue->name.find('/') == std::string_view::npos);
  }
  return 0;
}
