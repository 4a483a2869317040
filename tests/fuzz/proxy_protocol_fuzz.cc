// Fuzz target: PROXY headers. What is accepted must not change when octets arrive one by one.
#include "server/proxy_protocol.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using polymq::server::ProxyResult;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const ProxyResult all = polymq::server::parse_proxy_header(input);
  if (all.kind == ProxyResult::Kind::kNeedMore && size >= polymq::server::kMaxProxyHeader) {
    std::abort();
  }
  if (all.kind != ProxyResult::Kind::kHeader) return 0;
  const std::size_t header = all.header.size;
  if (header == 0 || header > size || header > polymq::server::kMaxProxyHeader) std::abort();
  for (std::size_t part = 0; part < header; ++part) {
    const auto kind = polymq::server::parse_proxy_header(input.substr(0, part)).kind;
    if (kind != ProxyResult::Kind::kNeedMore) std::abort();
  }
  const ProxyResult exact = polymq::server::parse_proxy_header(input.substr(0, header));
  if (exact.kind != ProxyResult::Kind::kHeader || exact.header.source != all.header.source) {
    std::abort();
  }
  return 0;
}
