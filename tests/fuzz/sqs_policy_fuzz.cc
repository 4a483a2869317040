// Arbitrary text as a queue's policy: it can be decided, and permissions come and go in it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "check.h"
#include "sqs/queue_policy.h"

using namespace polymq::sqs;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Principal stranger{"999999999999", "somebody"};
  const QueuePolicy policy = QueuePolicy::parse(text);
  const Verdict before = policy.decide(stranger, "SendMessage", "queue");
  FUZZ_CHECK(policy.decide(stranger, "DeleteQueue", "queue") != Verdict::kAllows);
  static_cast<void>(check_denials(text));

  constexpr std::string_view kArn = "arn:aws:sqs:us-east-1:000000000000:queue";
  const std::string_view account = stranger.account;
  const std::string_view action = "SendMessage";
  const auto more = add_permission(text, {"label", {&account, 1}, {&action, 1}}, kArn);
  if (!more) return 0;
  const Verdict with = QueuePolicy::parse(*more).decide(stranger, action, "queue");
  FUZZ_CHECK(with == (before == Verdict::kDenies ? Verdict::kDenies : Verdict::kAllows));
  const auto less = remove_permission(*more, "label");
  FUZZ_CHECK(less);
  FUZZ_CHECK(QueuePolicy::parse(*less).decide(stranger, action, "queue") == before);
  return 0;
}
