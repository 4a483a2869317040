// Arbitrary requests with signatures: no key opens them, until they are signed with it.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "check.h"
#include "sqs/sigv4.h"
#include "sqs_request_text.h"

using namespace polymq;
using namespace polymq::sqs;

namespace {

std::optional<AccessKey> any_key(std::string_view) { return AccessKey{"secret", ""}; }

bool is_inside(std::string_view part, const std::string& whole) {
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
  const auto from = reinterpret_cast<std::uintptr_t>(whole.data());
  return begin >= from && begin + part.size() <= from + whole.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<HeaderView> headers;
  const RequestView request = parse_request_text(text, headers);
  Arena arena;
  (void)read_credentials(request, arena);
  const auto claim = read_signature(request, arena);
  if (!claim) return 0;

  static SignatureVerifier verifier;
  static Digests digests;
  const std::string service(claim->scope.service);
  const SignatureRules rules{.service = service};
  FUZZ_CHECK(!verifier.verify(request, any_key, rules, claim->signed_at, arena).has_value());

  const auto hash = digests.sha256(request.body);
  const auto canonical = canonical_request(request, *claim, "", view(hash), arena);
  const bool states_hash = !request.header("X-Amz-Content-Sha256").empty();
  if (!canonical || states_hash || !is_inside(claim->signature, text)) return 0;
  // Signed by whoever has the key, it is refused for what it says at most.
  const Sha256Hex signature = verifier.sign(*canonical, *claim, "secret");
  if (claim->is_presigned || claim->signature.size() != signature.size()) return 0;
  std::memcpy(text.data() + (claim->signature.data() - text.data()), signature.data(),
              signature.size());
  const auto verified = verifier.verify(request, any_key, rules, claim->signed_at, arena);
  FUZZ_CHECK(verified || verified.error().code != ErrorCode::kSignatureDoesNotMatch ||
             !verified.error().message.empty());
  return 0;
}
